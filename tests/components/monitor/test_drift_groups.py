"""Images of one patient are not independent: how far they resemble each other, and what that costs in evidence."""

import numpy as np
import pyarrow as pa
import pytest

from components.monitor.battery import run_detectors
from components.monitor.groups import (
    Grouping,
    codes,
    correlation_of_categories,
    correlation_of_embeddings,
    correlation_of_numbers,
    group_size,
)
from components.monitor.page import summary_html


def patients(count: int, images: int) -> np.ndarray:
    return np.repeat(np.arange(count), images)


def alike(count: int, images: int, share: float, seed: int) -> np.ndarray:
    """Numbers of which a share of the variance is the patient's."""
    rng = np.random.default_rng(seed)
    return np.sqrt(share) * rng.normal(size=(count, 1)).repeat(images, axis=1).ravel() + np.sqrt(1 - share) * rng.normal(
        size=count * images
    )


def with_groups(table: pa.Table, groups: list[str]) -> pa.Table:
    return table.set_column(table.schema.get_field_index("group"), "group", pa.array(groups, pa.string()))


@pytest.mark.parametrize(
    ("groups", "size"),
    [
        (["a", "a", "b", "b"], 2.0),
        (["a", "a", "a", "b"], 2.5),  # (9 + 1) / 4
        (["a", "a", None, None], 1.5),  # an image without a group is its own: (4 + 1 + 1) / 4
        ([None, None], 1.0),
    ],
)
def test_the_size_of_a_group_is_that_of_an_average_images_group(groups, size):
    assert group_size(groups) == pytest.approx(size)


def test_without_any_group_nothing_is_known():
    assert codes([None, None]) is None
    assert codes(["b", None, "b", None]).tolist() == [0, 1, 0, 2]


def test_independent_images_have_no_design_effect():
    assert Grouping(1.0, 90, 120).design_effect(1.0, 90, 120) == 1.0
    assert Grouping(5.0, 90, 120).design_effect(0.0, 90, 120) == 1.0


def test_five_images_of_a_patient_with_correlation_a_half_count_for_a_third():
    assert Grouping(5.0, 90, 120).design_effect(0.5, 90, 120) == pytest.approx(3.0)  # 1 + (5 - 1) / 2


def test_drawing_a_tenth_of_both_windows_thins_the_groups_to_a_tenth():
    assert Grouping(101.0, 20_000, 20_000).design_effect(0.5, 2000, 2000) == pytest.approx(6.0)  # 1 + 100 / 10 / 2


def test_a_window_is_not_presumed_to_hold_a_larger_group_than_itself():
    # shared: 999 / 10,000 + 49 / 50 = 1.0799, over 1 / 10,000 + 1 / 50 = 0.0201
    assert Grouping(1000.0, 10_000, 50).design_effect(1.0, 10_000, 50) == pytest.approx(1 + 1.0799 / 0.0201)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_the_correlation_is_the_patients_share_of_the_variance_of_ranks(share):
    found = correlation_of_numbers(alike(1000, 5, share, 1), patients(1000, 5))
    assert found == pytest.approx(6 / np.pi * np.arcsin(share / 2), abs=0.05)  # Pearson's rank correlation of normal numbers


def test_the_correlation_of_numbers_is_the_upper_bound_worked_by_hand():
    # ranks 1 2 | 3 4 | 5 6: between 2 * (4 + 0 + 4) = 16 on 2 degrees of freedom, within 6 * 0.25 = 1.5 on 3: F = 8 / 0.5 = 16.
    # The 0.1 quantile of F(2, 3) is 3 / 2 * (0.9^(-2 / 3) - 1) = 0.10910; (146.65 - 1) / (146.65 - 1 + 2)
    found = correlation_of_numbers(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), patients(3, 2))
    assert found == pytest.approx(145.65 / 147.65, abs=1e-4)


def test_the_bound_holds_nine_times_in_ten():
    true = 0.4826  # of ranks, where normal numbers correlate by 0.5: 6 / pi * asin(0.5 / 2)
    below = sum(correlation_of_numbers(alike(18, 5, 0.5, seed), patients(18, 5)) < true for seed in range(300))
    assert 10 <= below <= 55  # 30 expected


def test_one_category_a_patient_is_shared_wholly_and_shuffled_categories_are_not():
    names = ["accept"] * 50 + ["abstain"] * 50
    shuffled = np.random.default_rng(0).permutation(names).tolist()
    assert correlation_of_categories(names, patients(20, 5)) == 1.0
    assert correlation_of_categories(shuffled, patients(20, 5)) < 0.25


def test_embeddings_in_one_place_a_patient_are_shared_wholly_and_scattered_ones_are_not():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(20, 6)).astype(np.float32)
    assert correlation_of_embeddings(places.repeat(5, axis=0), patients(20, 5)) == pytest.approx(1.0, abs=1e-3)
    assert correlation_of_embeddings(rng.normal(size=(100, 6)).astype(np.float32), patients(20, 5)) < 0.15


@pytest.mark.parametrize(("groups", "correlation"), [(patients(1, 6), 1.0), (patients(6, 1), 0.0), (patients(2, 3), 1.0)])
def test_where_the_reference_cannot_tell_a_single_group_or_value_counts_as_shared(groups, correlation):
    values = np.full(6, 224.0) if len(np.unique(groups)) == 2 else np.arange(6.0)
    assert correlation_of_numbers(values, groups) == correlation


def test_a_reference_in_which_each_image_is_its_own_group_changes_nothing(windows):
    reference, current = windows(60, 60, 1)
    alone = with_groups(reference, [f"g{row}" for row in range(60)])
    assert run_detectors(alone, current, alpha=0.05, seed=0).detectors == run_detectors(reference, current, alpha=0.05, seed=0).detectors


def test_a_value_that_the_reference_never_holds_is_no_alarm_by_itself_where_groups_are_dealt(windows):
    reference, current = windows(120, 60, 1)
    missing = [pa.array([word] * rows) for word, rows in (("nothing", 120), ("nothing", 59))]
    grouped = with_groups(reference, [f"g{row // 3}" for row in range(120)]).append_column("missing", missing[0])
    one = current.append_column("missing", pa.concat_arrays([missing[1], pa.array(["distance"])]))
    found = next(each for each in run_detectors(grouped, one, alpha=0.05, seed=0).detectors if each.name == "missing")
    assert found.p_value == pytest.approx(60 / 180, abs=0.05)  # that the one row falls to this side


def test_distance_is_not_watched_from_a_handful_of_groups(windows):
    reference, current = windows(60, 60, 1)
    for groups, watched in ((7, False), (8, True)):
        battery = run_detectors(with_groups(reference, [f"g{row % groups}" for row in range(60)]), current, alpha=0.05, seed=0)
        assert ("distance" in {detector.name for detector in battery.detectors}) == watched
        assert watched or "7 groups" in next(column.reason for column in battery.not_watched if column.name == "distance")


def test_the_page_says_that_the_window_is_presumed_to_come_in_groups(scene, windows):
    from components.monitor.monitor import judge

    words = "presumed to come in groups"
    scene.play(current=40)
    assert words not in summary_html(judge(scene.log, scene.bundle, since=None).verdict)
    grouped = scene.group(images=5)
    judged = judge(grouped.log, grouped.bundle, since=None)
    assert words in summary_html(judged.verdict)
    assert max(detector.design_effect for detector in judged.verdict.detectors) > 1
