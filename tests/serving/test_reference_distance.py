import numpy as np
import pytest

from serving.contract import ContractError
from serving.reference import knn_distance, normalise


def vectors(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_the_distance_to_the_same_direction_is_zero_whatever_its_length():
    assert knn_distance(vectors([3, 0]), vectors([1, 0], [0, 1]), k=1) == pytest.approx([0.0])


def test_the_distance_is_the_mean_over_the_k_nearest():
    # cosine distances of (1, 0): 0 to (1, 0), 1 to (0, 1), 2 to (-1, 0); the nearest two are 0 and 1
    assert knn_distance(vectors([1, 0]), vectors([1, 0], [0, 1], [-1, 0]), k=2) == pytest.approx([0.5])


def test_a_small_reference_is_used_whole():
    assert knn_distance(vectors([1, 0]), vectors([0, 1], [-1, 0]), k=5) == pytest.approx([1.5])


def test_a_reference_image_is_not_its_own_neighbour():
    rows = vectors([1, 0], [0, 1], [-1, 0])
    assert knn_distance(rows, rows, k=1, groups=["a", "b", "c"]) == pytest.approx([1.0, 1.0, 1.0])


def test_images_of_one_group_are_no_neighbours_of_each_other():
    # cosine distances: (1, 0) to (0.6, 0.8) 0.4, to (0, 1) 1; (0.6, 0.8) to (0, 1) 0.2
    rows = vectors([1, 0], [0.6, 0.8], [0, 1])
    assert knn_distance(rows, rows, k=1, groups=["a", "b", "c"]) == pytest.approx([0.4, 0.2, 0.2])
    assert knn_distance(rows, rows, k=1, groups=["a", "b", "b"]) == pytest.approx([0.4, 0.4, 1.0])


def test_where_a_large_group_leaves_few_neighbours_the_mean_is_over_those():
    # the rows of b have one neighbour, (1, 0); that row has three, at 0.4, 1 and 2, of which the nearest two count
    rows = vectors([1, 0], [0.6, 0.8], [0, 1], [-1, 0])
    assert knn_distance(rows, rows, k=2, groups=["a", "b", "b", "b"]) == pytest.approx([0.7, 0.4, 1.0, 2.0])


def test_a_reference_of_one_group_is_measured_row_by_row():
    rows = vectors([1, 0], [0.6, 0.8], [0, 1])
    assert knn_distance(rows, rows, k=1, groups=["a", "a", "a"]) == pytest.approx([0.4, 0.2, 0.2])
    assert knn_distance(rows[:2], rows[:2], k=5, groups=["a", "a"]) == pytest.approx([0.4, 0.4])


def test_many_rows_are_measured_in_parts_as_if_at_once():
    rows = np.random.default_rng(0).normal(size=(2100, 4)).astype(np.float32)
    whole = knn_distance(rows, rows, k=3, groups=[str(row // 2) for row in range(2100)])
    one = knn_distance(rows[2050:2051], np.delete(rows, [2050, 2051], axis=0), k=3)
    assert whole[2050] == pytest.approx(one[0], abs=1e-6)


@pytest.mark.parametrize(
    ("queries", "reference", "groups"),
    [
        (vectors([1, 0]), np.zeros((0, 2), np.float32), None),  # nothing to compare with
        (vectors([1, 0]), vectors([1, 0]), ["a"]),  # only itself
        (vectors([1, 0], [0, 1]), vectors([1, 0], [0, 1]), ["a"]),  # a group for one of two
        (vectors([1, 0]), vectors([1, 0, 0]), None),  # other lengths
    ],
)
def test_what_cannot_be_measured_is_refused(queries: np.ndarray, reference: np.ndarray, groups: list[str] | None):
    with pytest.raises(ContractError):
        knn_distance(queries, reference, k=1, groups=groups)


def test_rows_of_length_one_need_no_scaling():
    random = np.random.default_rng(2)
    queries, rows = random.normal(size=(5, 8)).astype(np.float32), random.normal(size=(40, 8)).astype(np.float32)
    assert knn_distance(queries, normalise(rows), unit=True) == pytest.approx(knn_distance(queries, rows), abs=1e-6)
    assert knn_distance(queries, rows, unit=True) != pytest.approx(knn_distance(queries, rows), abs=1e-2)
