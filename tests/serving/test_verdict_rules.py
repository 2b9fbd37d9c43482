import numpy as np
import pytest
from tiny_bundle import card

from serving.contract import Verdict
from serving.verdict import judge, predicted_class

THREE = {"classes": ("benign", "malignant", "normal"), "canary_scores": (0.2, 0.3, 0.5)}


@pytest.mark.parametrize(
    ("probabilities", "changes", "expected"),
    [
        ([0.69, 0.31], {}, 1),  # the threshold of 0.31 itself is positive
        ([0.70, 0.30], {}, 0),
        ([0.35, 0.31, 0.34], THREE, 1),  # positive although another class is more probable
        ([0.20, 0.30, 0.50], THREE, 2),  # below the threshold: the most probable of the others
        ([0.50, 0.30, 0.20], THREE, 0),
    ],
)
def test_the_positive_class_is_predicted_from_its_threshold_on(probabilities: list[float], changes: dict, expected: int):
    assert predicted_class(np.array(probabilities), card(**changes)) == expected


@pytest.mark.parametrize(
    ("positive", "distance", "verdict", "reasons"),
    [
        (0.90, 0.1, Verdict.ACCEPT, 0),
        (0.37, 0.1, Verdict.ACCEPT, 0),  # 0.06 from the threshold, margin 0.05; largest 0.63
        (0.33, 0.1, Verdict.ABSTAIN, 1),  # within the margin
        (0.50, 0.1, Verdict.ABSTAIN, 1),  # largest 0.50, at least 0.55 wanted
        (0.90, 0.2, Verdict.ACCEPT, 0),  # the limit itself is still inside
        (0.90, 0.3, Verdict.OUT_OF_DISTRIBUTION, 1),
        (0.33, 0.3, Verdict.OUT_OF_DISTRIBUTION, 2),  # both reasons are told
    ],
)
def test_the_verdict_follows_the_limits(positive: float, distance: float, verdict: Verdict, reasons: int):
    found, words = judge(np.array([1 - positive, positive]), distance, card())
    assert (found, len(words)) == (verdict, reasons)


def test_a_reason_names_the_numbers_it_rests_on():
    _, reasons = judge(np.array([0.67, 0.33]), 0.1, card())
    assert reasons[0] == "The probability of malignant (33.0%) is within 5.0% of the decision threshold (31.0%)."


@pytest.mark.parametrize(("rate", "words"), [(1 / 21, "4.8% of images like those."), (0.0, "none of the images it was set on.")])
def test_a_far_image_is_told_how_often_the_limit_refuses_a_good_one(rate: float, words: str):
    limits = card().limits.model_copy(update={"false_alarm_rate": rate})
    _, reasons = judge(np.array([0.1, 0.9]), 0.3, card(limits=limits))
    assert reasons[0].endswith(f"its distance is 0.300, the limit 0.200 is passed by {words}")
