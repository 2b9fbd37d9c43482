import numpy as np
import pytest

from components.domain.metrics import Scored
from components.domain.selective import measure_selective, risk_coverage, sureness
from serving.contract import Verdict

ACCEPT, ABSTAIN, UNLIKE = Verdict.ACCEPT, Verdict.ABSTAIN, Verdict.OUT_OF_DISTRIBUTION


def binary(labels, scores, threshold) -> Scored:
    column = np.array(scores, dtype=float)
    return Scored(np.array(labels), np.stack([1 - column, column], axis=1), (column >= threshold).astype(np.int64), positive=1)


FOUR = binary([1, 0, 1, 0], [1.0, 0.0, 0.125, 0.375], 0.25)
"""At 0.25: right, right, wrong, wrong; surest first, at distances 0.75, 0.25, 0.125, 0.125 from the threshold."""


def once(scored, verdicts, threshold=0.25):
    return {name: float(value[0]) for name, value in measure_selective(scored, verdicts, threshold, np.ones((1, len(verdicts)))).items()}


def test_four_images_give_the_values_worked_by_hand():
    values = once(FOUR, [ACCEPT, ACCEPT, ABSTAIN, UNLIKE])
    assert (values["coverage"], values["selective_accuracy"], values["out_of_distribution"]) == (0.5, 1.0, 0.25)
    assert values["aurc"] == pytest.approx((0 + 0 + 2 * 2 / 4) / 4)  # the last two are equally sure: they come together, at risk 2/4


def test_the_curve_passes_through_the_points_worked_by_hand():
    coverage, risk = risk_coverage(FOUR, 0.25)
    assert coverage.tolist() == pytest.approx([0.25, 0.5, 1.0]) and risk.tolist() == pytest.approx([0, 0, 0.5])


def test_abstaining_from_everything_leaves_no_accuracy_and_divides_by_nothing():
    values = once(FOUR, [ABSTAIN] * 4)
    assert values["coverage"] == values["selective_accuracy"] == 0


def test_a_weight_of_two_equals_the_image_twice():
    twice = binary([1, 0, 1, 0, 0], [0.9, 0.1, 0.2, 0.45, 0.45], 0.3)
    single = binary([1, 0, 1, 0], [0.9, 0.1, 0.2, 0.45], 0.3)
    verdicts = [ACCEPT, ABSTAIN, ACCEPT, ACCEPT]
    weighted = measure_selective(single, verdicts, 0.3, np.array([[1.0, 1, 1, 2]]))
    assert {name: value[0] for name, value in weighted.items()} == pytest.approx(once(twice, [*verdicts, ACCEPT], 0.3))


def test_the_area_of_distinct_scores_is_the_mean_risk_over_all_prefixes():
    random = np.random.default_rng(0)
    scored = binary([0, 1, *random.integers(0, 2, 58)], random.uniform(size=60), 0.5)
    order = np.argsort(-np.abs(scored.probabilities[:, 1] - 0.5))
    wrong = (scored.predicted != scored.labels)[order]
    expected = np.mean([wrong[:count].mean() for count in range(1, 61)])
    assert once(scored, [ACCEPT] * 60, 0.5)["aurc"] == pytest.approx(expected)


def test_with_three_classes_the_largest_probability_is_the_sureness():
    scored = Scored(np.array([0, 1, 2]), np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]), np.array([0, 1, 2]), positive=1)
    assert sureness(scored, 0.9).tolist() == [0.5, 0.8, 0.6]
