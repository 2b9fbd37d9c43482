"""Performance estimated without labels: against the truth of simulated windows, and where its promise ends."""

import numpy as np
import pytest

from components.domain.metrics import Scored
from components.domain.predictions import Predictions
from components.monitor.answers import Answers
from components.monitor.estimate import estimate_window


def draw(count: int, seed: int, *, malignant: float = 1.0, calibrated: float = 1.0):
    """Scores from a beta distribution, and labels that the scores are the probabilities of; `calibrated` below 1 makes them boast."""
    random = np.random.default_rng(seed)
    chance = random.beta(0.5 * malignant, 0.5, count)
    labels = (random.random(count) < chance).astype(np.int64)
    odds = np.log(chance / (1 - chance + 1e-12) + 1e-12) / calibrated
    scores = 1 / (1 + np.exp(-odds))
    return np.stack([1 - scores, scores], axis=1), (scores >= 0.4).astype(np.int64), labels


def test_split(count: int = 400, *, calibrated: float = 1.0, seed: int = 100) -> Predictions:
    probabilities, predicted, labels = draw(count, seed, calibrated=calibrated)
    return Predictions(
        [f"i{row}" for row in range(count)], [f"g{row}" for row in range(count)], Scored(labels, probabilities, predicted, 1)
    )


test_split.__test__ = False


def window(count: int, seed: int, **population):
    probabilities, predicted, labels = draw(count, seed, **population)
    truth, called = labels == 1, predicted == 1
    real = {"accuracy": (labels == predicted).mean(), "sensitivity": called[truth].mean(), "specificity": (~called[~truth]).mean()}
    return Answers([f"r{row}" for row in range(count)], probabilities, predicted), real


@pytest.mark.parametrize("population", [{}, {"malignant": 0.4}, {"malignant": 2.0}])
def test_the_interval_holds_the_truth_when_the_mix_of_images_shifts(population):
    covered = {"accuracy": 0, "sensitivity": 0, "specificity": 0}
    for seed in range(40):
        answers, real = window(1000, seed, **population)
        found = estimate_window(answers, test_split(seed=1000 + seed), draws=100, seed=seed).metrics
        for name in covered:
            covered[name] += found[name].low <= real[name] <= found[name].high
    assert min(covered.values()) >= 38  # 95 % of 40 windows


def test_what_confidence_misses_on_the_test_images_is_added():
    boasting, honest = test_split(4000, calibrated=0.5), test_split(4000)
    answers, real = window(4000, 1, calibrated=0.5)
    found = estimate_window(answers, boasting, draws=100)
    assert found.metrics["accuracy"].value == pytest.approx(real["accuracy"], abs=0.02)
    assert found.calibration_error > 0.05
    assert estimate_window(answers, honest, draws=100).metrics["accuracy"].value > real["accuracy"] + 0.05


def test_the_thresholded_confidence_agrees_with_the_truth_on_the_test_images_themselves():
    split = test_split(500)
    scored = split.scored
    answers = Answers(split.ids, scored.probabilities, scored.predicted)
    found = estimate_window(answers, split, draws=50)
    real = (scored.predicted == scored.labels).mean()
    assert found.thresholded.value == pytest.approx(real, abs=1 / 500)
    assert found.metrics["accuracy"].value == pytest.approx(real)  # the sum that is missing is exactly added


def test_a_small_window_is_told_less_surely_and_one_image_too():
    widths = {}
    for count in (1, 30, 1000):
        each = estimate_window(window(count, 5)[0] if count > 1 else _one(), test_split(), draws=100).metrics["accuracy"]
        widths[count] = each.high - each.low
        assert 0 <= each.low <= each.value <= each.high <= 1
    assert widths[30] > widths[1000]


def test_patients_with_many_images_widen_the_interval():
    answers, _ = window(300, 2)
    alone = test_split()
    grouped = Predictions(alone.ids, [f"g{row // 10}" for row in range(400)], alone.scored)
    narrow, wide = (estimate_window(answers, each, draws=200).metrics["sensitivity"] for each in (alone, grouped))
    assert wide.high - wide.low > narrow.high - narrow.low


def test_it_says_what_it_rests_on():
    said = estimate_window(window(500, 3)[0], test_split(), draws=50).text()
    assert "Without labels, estimated from calibrated confidence: accuracy 0." in said
    assert "on the 400 test images (calibration error 0.0" in said


def _one() -> Answers:
    return Answers(["r"], np.array([[0.2, 0.8]]), np.array([1]))
