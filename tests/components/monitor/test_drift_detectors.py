import numpy as np
import pytest

from components.monitor.columns import Column
from components.monitor.detectors import Detection, detect
from components.monitor.familywise import deal
from components.monitor.onset import onset
from components.monitor.pairs import Pair


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def detection(kind: str, reference, current) -> Detection:
    before, now = np.asarray(reference), np.asarray(current)
    pair = Pair(Column("it", kind, "images", "it"), before, now, np.arange(len(before)), np.arange(len(now)))
    return detect(pair, len(before), len(now), seed=0)


def of_dealings(found: Detection, labels: np.ndarray) -> np.ndarray:
    return found.statistic(labels @ found.features, labels @ found.present, found.features.sum(axis=0), float(found.present.sum()))


def chance(found: Detection, current: int, *, design_effect: float = 1.0, most: int = 3000) -> float:
    """The p-value of one detector alone."""

    def statistics(labels: np.ndarray) -> np.ndarray:
        return of_dealings(found, labels)[:, None]

    observed = np.array([found.observed(current, design_effect)])
    chances = deal(observed, statistics, rows=len(found.present), current=current, most=most, seed=1)
    assert chances.alone == chances.corrected  # there is only one
    return float(chances.alone[0])


def test_numbers_apart_altogether_have_effect_one_and_the_p_value_of_two_in_seventy():
    found = detection("number", [1.0, 2, 3, 4], [5.0, 6, 7, 8])  # of C(8, 4) = 70 dealings, two part the values
    assert found.effect == 1.0
    assert chance(found, 4) == pytest.approx(2 / 70, rel=0.35)


def test_the_statistic_of_numbers_is_the_kolmogorov_smirnov_distance_times_the_root_of_the_harmonic_size():
    # below 1.5 lie 1/4 and 0, below 4.5 all and 3/4: a gap of 1/4; 4 * 4 / (4 + 4) = 2
    found = detection("number", [1.0, 2, 3, 4], [2.0, 3, 4, 5])
    assert found.effect == pytest.approx(0.25)
    assert found.observed(4, 1.0) == pytest.approx(0.25 * np.sqrt(2))


def test_many_distinct_numbers_give_the_distance_that_scipy_gives_up_to_a_step():
    from scipy.stats import ks_2samp

    reference, current = rng(1).normal(size=900), rng(2).normal(0.3, 1, size=700)
    assert detection("number", reference, current).effect == pytest.approx(ks_2samp(reference, current).statistic, abs=0.03)


def test_the_statistic_of_categories_is_the_chi_square_that_scipy_gives():
    from scipy.stats import chi2_contingency

    found = detection("category", ["a"] * 8 + ["b"] * 2, ["a"] * 5 + ["b"] * 3 + ["c"] * 2)
    assert found.observed(10, 1.0) == pytest.approx(chi2_contingency([[8, 2, 0], [5, 3, 2]]).statistic, rel=1e-5)
    assert found.effect == pytest.approx(0.3)  # half the sum of share changes: (0.3 + 0.1 + 0.2) / 2


def test_dealings_are_judged_as_if_each_were_the_real_one():
    values = rng(3).normal(size=30)
    found = detection("number", values[:20], values[20:])
    other = np.r_[values[5:25]], np.r_[values[25:], values[:5]]
    labels = np.zeros((1, 30), np.float32)
    labels[0, np.r_[25:30, 0:5]] = 1
    again = detection("number", *other)
    assert of_dealings(found, labels)[0] == pytest.approx(again.observed(10, 1.0), rel=1e-5)


def test_rows_without_a_value_count_on_neither_side():
    column = Column("it", "number", "images", "it")
    pair = Pair(column, np.array([1.0, 2, 3, 4]), np.array([2.0, 3, 4, 5]), np.array([0, 2, 3, 4]), np.array([1, 2, 4, 5]))
    found = detect(pair, 6, 7, seed=0)
    assert found.observed(7, 1.0) == pytest.approx(0.25 * np.sqrt(2))
    assert found.signal[[0, 3, 6]].tolist() == [0.0, 0.0, 0.0]


def test_the_same_numbers_have_effect_zero_and_p_value_one():
    found = detection("number", [1.0, 2, 3, 3] * 5, [1.0, 2, 3, 3] * 5)
    assert (found.effect, chance(found, 20)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("kind", "reference", "current"),
    [
        ("number", [224.0] * 40, [512.0] * 40),
        ("number", rng(1).normal(size=400), rng(2).normal(scale=2.5, size=400)),
        ("category", ["accept"] * 100, ["accept"] * 70 + ["out_of_distribution"] * 30),
        ("embedding", rng(1).normal(2, 1, (120, 8)), rng(2).normal([-2, *[2] * 7], 1, (120, 8))),
        ("embedding", rng(1).normal(0, 1, (200, 8)), rng(2).normal(0, 1.6, (200, 8))),
    ],
    ids=["another constant", "a wider spread", "a new category", "embeddings that moved", "embeddings that spread"],
)
def test_what_has_changed_is_found(kind, reference, current):
    found = detection(kind, reference, current)
    assert chance(found, len(current)) < 0.002
    assert 0 < found.effect <= 1


def test_embeddings_that_have_not_changed_are_not_found():
    assert chance(detection("embedding", rng(1).normal(2, 1, (120, 8)), rng(2).normal(2, 1, (120, 8))), 120) > 0.01


def test_embeddings_in_two_opposite_points_have_effect_one():
    found = detection("embedding", np.tile([1.0, 0], (30, 1)), np.tile([-1.0, 0], (30, 1)))
    assert found.effect == pytest.approx(1.0, abs=1e-4)


def test_rows_that_moved_the_way_the_column_moved_have_a_large_signal():
    found = detection("number", [1.0] * 18 + [9.0] * 2, [1.0, 1, 9, 9, 9])
    assert abs(found.signal[-1]) == pytest.approx(3.0)  # membership of a tenth: |0 - 0.9| / sqrt(0.9 * 0.1)


@pytest.mark.parametrize("kind", ["number", "category", "embedding"])
def test_the_design_effect_takes_evidence_and_leaves_effect_and_signal(kind):
    random = rng(3)
    sides = {
        "number": (random.normal(size=60), random.normal(0.8, 1, size=60)),
        "category": (["a"] * 40 + ["b"] * 20, ["a"] * 22 + ["b"] * 38),
        "embedding": (random.normal(1, 1, (60, 4)), random.normal([1, 1, 1, 0], 1, (60, 4))),
    }[kind]
    found = detection(kind, *sides)
    assert chance(found, 60) < 0.01 < 0.05 < chance(found, 60, design_effect=5.0)


@pytest.mark.parametrize(
    ("signal", "row"),
    [
        ([0.0] * 20 + [2.0] * 20, 20),
        ([2.0] * 40, 0),
        ([0.1, -0.1] * 20, 0),
        ([0.0] * 30 + [-2.0] * 10, 30),
    ],
)
def test_the_onset_is_the_row_from_which_the_signal_departs(signal, row):
    assert onset(np.array(signal)) == row
