import numpy as np
import pytest

from components.monitor.familywise import FIRST, deal, dealings, joint_chances


def test_enough_dealings_are_made_for_a_hundred_to_reach_an_alarm():
    assert dealings(0.01) == 9999


def test_the_chance_of_one_detector_counts_the_dealings_that_reach_it():
    found = joint_chances(np.array([3.0]), np.array([[1.0], [2.0], [3.0], [4.0]]))
    assert (found.alone[0], found.corrected[0]) == (3 / 5, 3 / 5)  # itself, 3 and 4 of five


def test_detectors_that_say_the_same_cost_nothing():
    dealt = np.random.default_rng(0).normal(size=(999, 1))
    alone = joint_chances(np.array([2.4]), dealt)
    twenty = joint_chances(np.full(20, 2.4), np.repeat(dealt, 20, axis=1))
    assert twenty.corrected == pytest.approx(np.full(20, alone.alone[0]))


def test_independent_detectors_cost_what_the_smallest_of_their_p_values_costs():
    dealt = np.random.default_rng(0).normal(size=(4999, 20))
    observed = np.r_[np.quantile(dealt[:, 0], 0.999), np.zeros(19)]
    found = joint_chances(observed, dealt)
    assert found.alone[0] == pytest.approx(0.001, rel=0.3)
    assert found.corrected[0] == pytest.approx(1 - (1 - 0.001) ** 20, rel=0.3)
    assert found.corrected[1:].min() > 0.9


def test_ties_of_the_smallest_p_value_are_told_apart_by_the_next():
    # observed: both detectors above all dealings; a dealing has one of them above all others and the other in the middle
    dealt = np.array([[9.0, 5.0], [5.0, 9.0], [1.0, 1.0], [2.0, 2.0]])
    assert joint_chances(np.array([9.0, 9.0]), dealt).corrected.tolist() == [1 / 5, 1 / 5]
    assert joint_chances(np.array([9.0, 1.0]), dealt).corrected[0] == 3 / 5


def test_a_plainly_harmless_window_needs_few_dealings_and_a_striking_one_all():
    made = []

    def statistics(labels: np.ndarray) -> np.ndarray:
        made.append(len(labels))
        return labels[:, :1].astype(np.float64)

    deal(np.array([0.0]), statistics, rows=20, current=10, most=5000, seed=0)
    assert sum(made) == FIRST
    made.clear()
    deal(np.array([2.0]), statistics, rows=20, current=10, most=5000, seed=0)
    assert sum(made) == 5000


def test_every_dealing_gives_the_current_side_as_many_rows_as_it_has_and_every_row_its_turn():
    seen = []

    def statistics(labels: np.ndarray) -> np.ndarray:
        seen.append(labels)
        return np.zeros((len(labels), 1))

    deal(np.array([1.0]), statistics, rows=12, current=3, most=2000, seed=4)
    labels = np.concatenate(seen)
    assert set(labels.sum(axis=1)) == {3.0}
    assert labels.mean(axis=0) == pytest.approx(np.full(12, 0.25), abs=0.04)


def test_joint_chances_are_small_no_more_and_no_less_often_than_they_say():
    random = np.random.default_rng(5)
    mixing = random.normal(size=(3, 12))  # twelve detectors that hang together
    small = 0
    for _ in range(2000):
        dealt = np.abs(random.normal(size=(200, 3)) @ mixing)
        small += joint_chances(dealt[0], dealt[1:]).corrected.min() <= 0.1
    assert 200 - 3 * 13.4 <= small <= 200 + 3 * 13.4  # binomial, standard deviation 13.4
