import numpy as np
import pytest

from components.monitor.detectors import compare_categories, compare_embeddings, compare_numbers
from components.monitor.onset import onset
from components.monitor.resampling import ENOUGH, resamples, sequential_p_value


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def numbers(reference: list[float], current: list[float], most: int = 20_000):
    return compare_numbers(np.array(reference, float), np.array(current, float), most=most, rng=rng())


def test_numbers_apart_altogether_have_effect_one_and_the_exact_p_value_of_two_in_seventy():
    found = numbers([1, 2, 3, 4], [5, 6, 7, 8])  # of C(8, 4) = 70 dealings, two part the values
    assert found.effect == 1.0
    assert found.p_value == pytest.approx(2 / 70, rel=0.35)  # stops after 20 hits: known within about a fifth


def test_the_effect_of_numbers_is_the_largest_gap_of_the_two_shares():
    found = numbers([1, 2, 3, 4], [2, 3, 4, 5])  # below 1.5 lie 1/4 and 0; below 4.5 all and 3/4
    assert found.effect == pytest.approx(0.25)


def test_the_same_numbers_have_effect_zero_and_p_value_one():
    found = numbers([1, 2, 3, 3] * 5, [1, 2, 3, 3] * 5)
    assert (found.effect, found.p_value) == (0.0, 1.0)


def test_a_constant_that_takes_another_value_is_found():
    found = numbers([224.0] * 40, [512.0] * 40)
    assert found.effect == 1.0
    assert found.p_value == pytest.approx(1 / 20_001)


def test_a_wider_spread_around_the_same_middle_is_found():
    found = compare_numbers(rng(1).normal(size=400), rng(2).normal(scale=2.5, size=400), most=5000, rng=rng())
    assert found.p_value < 0.001


def test_many_distinct_numbers_give_the_distance_that_scipy_gives_up_to_a_step():
    from scipy.stats import ks_2samp

    reference, current = rng(1).normal(size=900), rng(2).normal(0.3, 1, size=700)
    found = compare_numbers(reference, current, most=200, rng=rng())
    assert found.effect == pytest.approx(ks_2samp(reference, current).statistic, abs=0.02)


def test_rows_that_moved_the_way_the_column_moved_have_a_large_signal():
    found = numbers([1.0] * 18 + [9.0] * 2, [1.0, 1.0, 9.0, 9.0, 9.0])
    assert found.signal[:2].tolist() == pytest.approx(found.signal[:1].tolist() * 2)
    assert abs(found.signal[-1]) == pytest.approx(3.0)  # membership of a tenth: |0 - 0.9| / sqrt(0.9 * 0.1)


def test_the_effect_of_categories_is_half_the_sum_of_share_changes():
    found = compare_categories(["a"] * 8 + ["b"] * 2, ["a"] * 5 + ["b"] * 3 + ["c"] * 2, most=500, rng=rng())
    assert found.effect == pytest.approx(0.3)  # (0.3 + 0.1 + 0.2) / 2


def test_a_category_never_seen_before_is_found():
    found = compare_categories(["accept"] * 100, ["accept"] * 70 + ["out_of_distribution"] * 30, most=5000, rng=rng())
    assert found.p_value < 0.001


def test_equal_mixes_have_p_value_one():
    found = compare_categories(["a", "b"] * 20, ["a", "b"] * 30, most=500, rng=rng())
    assert (found.effect, found.p_value) == (0.0, pytest.approx(1.0))


def test_embeddings_that_turned_away_are_found_and_equal_ones_are_not():
    base = rng(1).normal(size=(120, 8)).astype(np.float32) + 2
    other = rng(2).normal(size=(120, 8)).astype(np.float32) + 2
    turned = other * np.float32([-1, 1, 1, 1, 1, 1, 1, 1])
    assert compare_embeddings(base, other, most=2000, rng=rng()).p_value > 0.01
    assert compare_embeddings(base, turned, most=2000, rng=rng()).p_value < 0.001


def test_embeddings_in_two_opposite_points_have_effect_one():
    reference, current = np.tile(np.float32([1, 0]), (30, 1)), np.tile(np.float32([-1, 0]), (30, 1))
    found = compare_embeddings(reference, current, most=500, rng=rng())
    assert found.effect == pytest.approx(1.0, abs=1e-4)


def test_the_length_of_an_embedding_does_not_matter():
    reference = rng(1).normal(size=(60, 4)).astype(np.float32)
    found = compare_embeddings(reference, reference * 10, most=500, rng=rng())
    assert found.p_value > 0.9


def test_the_same_seed_gives_the_same_p_value():
    reference, current = rng(1).normal(size=50), rng(2).normal(0.4, 1, size=50)
    first, second = (compare_numbers(reference, current, most=3000, rng=rng(5)).p_value for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("statistics", "most", "p_value"),
    [
        ([0.0] * 99, 99, 1 / 100),  # none reaches: (0 + 1) / (99 + 1)
        ([5.0] + [0.0] * 98, 99, 2 / 100),  # one reaches
        ([5.0] * 99, 99, 1.0),  # the first 20 reach: 20 / 20
        ([0.0, 5.0] * 60, 120, 0.5),  # the 20th is the 40th dealing
    ],
)
def test_a_p_value_counts_the_dealings_that_reach_the_statistic(statistics, most, p_value):
    left = iter(statistics)
    assert sequential_p_value(1.0, lambda count: np.array([next(left) for _ in range(count)]), most) == pytest.approx(p_value)


def test_enough_dealings_are_made_to_resolve_the_threshold_of_one_detector():
    assert resamples(0.01, 16) == 15_999
    assert ENOUGH / resamples(0.01, 16) > 0.01 / 16  # stopping early never hides an alarm


def test_p_values_without_drift_are_small_no_more_often_than_they_say():
    small = [numbers(list(rng(2 * s).normal(size=20)), list(rng(2 * s + 1).normal(size=15)), most=400).p_value for s in range(400)]
    assert np.mean(np.array(small) <= 0.1) <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 400)


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
