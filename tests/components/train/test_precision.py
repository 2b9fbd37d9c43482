"""bf16 serves only where it answers the validation images as f32 does."""

from dataclasses import replace

import numpy as np
import pytest

from components.train.precision import Calibrated, choose_precision, measure_agreement
from serving.contract import Card, ImageSpec, Limits, OperatingPoint
from serving.predictor import Scores

TARGETS = np.array([0, 0, 1, 1])
POSITIVE = np.array([0.1, 0.3, 0.6, 0.9], np.float32)


def calibrated(positive: np.ndarray, precision: str = "f32", *, threshold: float = 0.5, margin: float = 0.0) -> Calibrated:
    """A model whose probabilities of the positive class are given, with the threshold and the margin of abstention."""
    probabilities = np.stack([1 - positive, positive], axis=1).astype(np.float32)
    nothing = np.zeros((len(positive), 1), np.float32)
    card = Card.model_construct(
        classes=("benign", "malignant"),
        positive="malignant",
        image=ImageSpec(height=32, width=32),
        temperature=1.0,
        operating_point=OperatingPoint(threshold=threshold, target_sensitivity=0.95, sensitivity=1, specificity=1),
        limits=Limits(margin=margin, min_confidence=0, out_of_distribution=1, false_alarm_rate=0),
        precision=precision,
        agreement=None,
    )
    activation = np.zeros((len(positive), 1, 1, 2), np.float32)
    return Calibrated(card, np.log(probabilities), Scores(probabilities, nothing, nothing[:, 0], activation))


def test_bf16_that_answers_alike_is_chosen_and_its_figures_stand_in_the_card():
    lower = calibrated(POSITIVE + np.array([0, 0.004, -0.002, 0], np.float32), "bf16")
    card = choose_precision(calibrated(POSITIVE), lower, TARGETS).card
    assert card.precision == "bf16"
    agreement = card.agreement
    assert agreement is not None
    assert (agreement.images, agreement.changed, agreement.auc, agreement.auc_f32) == (4, 0, 1.0, 1.0)
    assert agreement.largest_difference == pytest.approx(0.004, abs=1e-6)
    assert agreement.mean_difference == pytest.approx(0.006 / 4, abs=1e-6)
    # -mean(log(0.9, 0.7, 0.6, 0.9)), then with 0.696 and 0.598
    assert agreement.loss_f32 == pytest.approx(0.269555, abs=1e-5)
    assert agreement.loss == pytest.approx(0.271823, abs=1e-5)


@pytest.mark.parametrize(
    ("why", "moved", "settings"),
    [
        ("a probability moves by more than 0.01", [0, 0.02, 0, 0], {}),
        ("the predicted class of an image changes", [0, 0, -0.005, 0], {"threshold": 0.598}),
    ],
)
def test_bf16_that_answers_otherwise_is_not_chosen_and_the_card_says_why(why, moved, settings):
    lower = calibrated(POSITIVE + np.array(moved, np.float32), "bf16", **settings)
    card = choose_precision(calibrated(POSITIVE, **settings), lower, TARGETS).card
    assert card.precision == "f32", why
    assert card.agreement == measure_agreement(calibrated(POSITIVE, **settings), lower, TARGETS)


def test_an_image_at_the_edge_of_a_limit_is_counted_and_does_not_decide():
    lower = calibrated(POSITIVE + np.array([0, 0, -0.005, 0], np.float32), "bf16", margin=0.098)  # 0.6 is beyond 0.5 + 0.098, 0.595 within
    card = choose_precision(calibrated(POSITIVE, margin=0.098), lower, TARGETS).card
    assert card.precision == "bf16" and card.agreement is not None
    assert (card.agreement.changed, card.agreement.changed_verdicts) == (0, 1)


def test_where_bf16_was_not_tried_the_card_says_nothing_of_it():
    only = calibrated(POSITIVE)
    assert choose_precision(only, None, TARGETS) == replace(only)
