"""Intervals are never narrower than the groups behind them allow."""

import numpy as np
import pytest

from components.domain.bootstrap import bootstrap
from components.domain.intervals import fewest_groups, widen, wilson
from components.domain.metrics import Floats, Scored, measure, measure_classes

WILSON_OF_TEN = 10 / (10 + 1.959964**2)  # the lower end of 10 out of 10


def scored_of(labels: list[int], scores: list[float]) -> Scored:
    positive = np.array(scores)
    return Scored(np.array(labels), np.stack([1 - positive, positive], axis=1), (positive >= 0.5).astype(np.int64), positive=1)


def stated(scored: Scored, groups: list[str]):
    def both(weights: Floats) -> dict[str, Floats]:
        return {**measure(scored, weights), **measure_classes(scored, weights), "coverage": np.ones(len(weights))}

    raw = bootstrap(both, groups, labels=scored.labels, draws=200).intervals
    return raw, widen(raw, scored, groups, others={"coverage": np.ones(len(groups), dtype=bool)})


@pytest.mark.parametrize(
    ("share", "count", "low", "high"),
    [(1.0, 10, WILSON_OF_TEN, 1.0), (0.0, 10, 0.0, 1 - WILSON_OF_TEN), (0.5, 4, 0.15004, 0.84996), (0.3, 0, 0.0, 1.0)],
)
def test_wilson_by_hand(share, count, low, high):
    assert wilson(share, count) == pytest.approx((low, high), abs=1e-5)


def test_a_perfect_model_on_ten_patients_a_class_is_not_certain():
    labels, groups = [0, 1] * 20, [f"patient-{place % 20}" for place in range(40)]  # 20 patients with two images each
    raw, found = stated(scored_of(labels, [0.1, 0.9] * 20), groups)
    assert (raw["sensitivity"].low, raw["sensitivity"].high) == (1.0, 1.0)
    for name in (
        "auc",
        "average_precision",
        "sensitivity",
        "specificity",
        "precision",
        "f1",
        "balanced_accuracy",
        "1.recall",
        "0.precision",
    ):
        assert (found[name].value, found[name].low, found[name].high) == pytest.approx((1.0, WILSON_OF_TEN, 1.0)), name
    for name in ("accuracy", "coverage"):  # of all 20 patients
        assert found[name].low == pytest.approx(20 / (20 + 1.959964**2)), name
    assert found["kappa"].low == pytest.approx(2 * found["accuracy"].low - 1)  # of two even classes half agrees by chance


def test_an_interval_that_ends_at_one_is_widened_but_never_narrowed():
    labels = [0] * 20 + [1] * 20
    raw, found = stated(scored_of(labels, [0.1] * 20 + [0.2] + [0.9] * 19), [str(place) for place in range(40)])
    assert raw["sensitivity"].high == 1.0
    low, high = wilson(0.95, 20)
    assert (found["sensitivity"].low, found["sensitivity"].high) == (min(low, raw["sensitivity"].low), max(high, 1.0))
    assert all(found[name].low <= raw[name].low and found[name].high >= raw[name].high for name in raw)


def test_an_interval_within_the_range_stays_as_it_was():
    generator = np.random.default_rng(3)
    labels = [0, 1] * 50
    raw, found = stated(scored_of(labels, generator.uniform(size=100).tolist()), [str(place) for place in range(100)])
    assert {name for name in raw if raw[name] != found[name]} == {"coverage"}


def test_two_groups_state_nothing_but_the_whole_range():
    labels, groups = [0, 1, 0, 1], ["a", "a", "b", "b"]
    raw, found = stated(scored_of(labels, [0.1, 0.9, 0.6, 0.4]), groups)
    assert fewest_groups(labels, groups) == 2
    assert all((part.low, part.high) == (0.0, 1.0) for name, part in found.items() if name not in ("log_loss", "kappa"))
    assert found["kappa"].low == -1
    assert found["log_loss"].high == pytest.approx(-np.log(1e-7))
    assert all(found[name].value == raw[name].value for name in raw)
    assert found["auc"].says_nothing


def test_four_groups_of_one_class_are_too_few_and_five_are_not():
    def interval(patients: int):
        labels = [1] * patients + [0] * 30
        return stated(scored_of(labels, [0.9] * patients + [0.1] * 30), [str(place) for place in range(patients + 30)])[1]["sensitivity"]

    assert (interval(4).low, interval(4).high) == (0.0, 1.0)
    assert interval(5).low == pytest.approx(5 / (5 + 1.959964**2))


def test_a_class_that_is_never_called_has_no_precision_to_speak_of():
    labels = [0, 1] * 10
    _, found = stated(scored_of(labels, [0.1, 0.2] * 10), [str(place) for place in range(20)])
    assert (found["precision"].value, found["precision"].low, found["precision"].high) == (0.0, 0.0, 1.0)
