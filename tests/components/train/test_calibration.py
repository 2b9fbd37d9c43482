"""Temperature, operating point and limits on small numbers."""

import numpy as np
import pytest

from components.train.calibrate import choose_limits, choose_operating_point, fit_temperature


def test_the_temperature_undoes_a_scaling_of_the_logits():
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 3)).astype(np.float32)
    powers = np.exp(logits)
    targets = np.array([random.choice(3, p=row / row.sum()) for row in powers])
    assert fit_temperature(3.0 * logits, targets) == pytest.approx(3.0, rel=0.1)


def test_a_perfect_model_does_not_make_the_temperature_run_away():
    logits = np.array([[9.0, 0.0], [0.0, 9.0]], np.float32)
    assert 0.05 <= fit_temperature(logits, np.array([0, 1])) <= 20


def test_the_threshold_is_the_highest_that_reaches_the_target():
    scores = np.array([0.9, 0.8, 0.6, 0.3, 0.7, 0.2, 0.1], np.float32)
    positive = np.array([True, True, True, True, False, False, False])
    point = choose_operating_point(scores, positive, 0.75)
    assert point.threshold == pytest.approx(0.6)
    assert point.sensitivity == 0.75
    assert point.specificity == pytest.approx(2 / 3)


def test_every_positive_is_caught_when_the_target_asks_for_almost_all():
    scores = np.array([0.9, 0.05, 0.4, 0.3], np.float32)
    point = choose_operating_point(scores, np.array([True, True, False, False]), 0.95)
    assert (point.threshold, point.sensitivity, point.specificity) == (pytest.approx(0.05), 1.0, 0.0)


def test_the_limits_decline_a_stated_share():
    random = np.random.default_rng(1)
    positive = random.uniform(size=1000).astype(np.float32)
    probabilities = np.stack([1 - positive, positive], axis=1)
    limits = choose_limits(probabilities, 1, 0.5, random.uniform(size=1000).astype(np.float32))
    assert (np.abs(positive - 0.5) < limits.margin).mean() == pytest.approx(0.05, abs=0.005)
    assert limits.false_alarm_rate <= 0.01
    assert limits.out_of_distribution == pytest.approx(0.99, abs=0.01)


def test_few_images_state_no_lower_false_alarm_rate_than_they_can_show():
    probabilities = np.tile(np.array([[0.2, 0.8]], np.float32), (19, 1))
    limits = choose_limits(probabilities, 1, 0.5, np.arange(19, dtype=np.float32))
    assert (limits.out_of_distribution, limits.false_alarm_rate) == (18.0, 1 / 20)  # none of 19 lies beyond; a twentieth may
