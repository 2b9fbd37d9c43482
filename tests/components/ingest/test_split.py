from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.domain.errors import InputError
from components.domain.presets import load
from components.ingest.groups import join_groups, key_of, unite
from components.ingest.memory import Memory
from components.ingest.protocol import split_images
from components.ingest.split import assign_fold_splits, assign_folds, assign_splits, leaking_splits

NOBODY = np.empty((0, 2), dtype=np.int64)


def pairs(*edges: tuple[int, int]) -> np.ndarray:
    return np.array(edges, dtype=np.int64).reshape(-1, 2)


def test_patients_and_look_alikes_are_united_by_hand() -> None:
    known = ["ann", "ann", "bo", "bo", "", "", "", ""]
    ids = [f"{letter}" * 20 for letter in "abcdefgh"]
    groups = join_groups(known, ids, pairs((1, 2), (4, 5), (6, 3)))
    assert groups[0] == groups[1] == groups[2] == groups[3] == groups[6] == "ann+1"
    assert groups[4] == groups[5] == "near:" + "e" * 16
    assert groups[7] == "image:" + "h" * 16


def test_a_patient_that_looks_like_nobody_else_keeps_the_name() -> None:
    assert join_groups(["ann", "bo", "ann"], ["1", "2", "3"], NOBODY) == ["ann", "bo", "ann"]


def test_ten_single_images_a_class_split_as_the_shares_say() -> None:
    labels = ["b"] * 10 + ["m"] * 10
    splits = assign_splits(labels, [str(row) for row in range(20)], validation=0.2, test=0.2, seed=0)
    assert Counter(zip(labels, splits, strict=True)) == {
        ("b", "train"): 6, ("b", "validation"): 2, ("b", "test"): 2, ("m", "train"): 6, ("m", "validation"): 2, ("m", "test"): 2,
    }  # fmt: skip


def test_three_groups_of_a_class_go_one_to_each_split_whatever_their_size() -> None:
    labels = ["b"] * 100 + ["m"] * 12
    groups = [f"b{row}" for row in range(100)] + ["m1"] * 10 + ["m2", "m3"]
    splits = assign_splits(labels, groups, validation=0.15, test=0.2, seed=0)
    assert splits[100:110] == ["train"] * 10
    assert set(splits[110:]) == {"validation", "test"}


def test_a_class_with_two_groups_is_refused_with_the_remedy() -> None:
    with pytest.raises(
        InputError,
        match=r"each class needs 3 groups .*, one for each of .*, but 'm' has 2; add images of it or take",
    ):
        assign_splits(["b"] * 3 + ["m"] * 5, ["1", "2", "3", "4", "4", "4", "5", "5"], validation=0.2, test=0.2, seed=0)


def test_classes_that_no_assignment_can_spread_are_refused() -> None:
    # a, b, c and e lie in three groups each, so a split holds each of them once; every group holds two classes, so what a split
    # holds is even in number and d lies in it twice or not at all. Twice in three splits is six, but d lies in four groups.
    tight = {"g1": "ab", "g2": "cd", "g3": "ac", "g4": "bd", "g5": "ad", "g6": "be", "g7": "ce", "g8": "de"}
    rows = [(label, group) for group, held in tight.items() for label in held]
    with pytest.raises(InputError, match="no assignment of the 8 groups does that; add groups or merge rare classes"):
        assign_splits([label for label, _ in rows], [group for _, group in rows], validation=0.3, test=0.3, seed=0)


Case = tuple[list[str], list[str]]


@st.composite
def data(draw: st.DrawFn) -> Case:
    """Labels and groups: groups of one or of several classes, 1 to 12 images each, and enough single images of each class."""
    classes = [f"c{number}" for number in range(draw(st.integers(2, 4)))]
    labels, groups = [], []
    for number in range(draw(st.integers(0, 40))):
        held = draw(st.lists(st.sampled_from(classes), min_size=1, max_size=12))
        labels += held
        groups += [f"g{number}"] * len(held)
    for label in classes:
        for number in range(draw(st.integers(3, 25))):
            labels.append(label)
            groups.append(f"{label}-{number}")
    order = draw(st.randoms(use_true_random=False)).sample(range(len(labels)), len(labels))
    return [labels[row] for row in order], [groups[row] for row in order]


@settings(max_examples=70, deadline=None)
@given(data(), st.sampled_from([(0.15, 0.2), (0.1, 0.1), (0.3, 0.3)]), st.integers(0, 5))
def test_no_group_lies_on_two_sides_and_every_class_on_all(case: Case, shares: tuple[float, float], seed: int) -> None:
    labels, groups = case
    splits = assign_splits(labels, groups, validation=shares[0], test=shares[1], seed=seed)
    assert len(splits) == len(labels)
    sides: dict[str, set[str]] = {}
    for group, split in zip(groups, splits, strict=True):
        sides.setdefault(group, set()).add(split)
    assert all(len(each) == 1 for each in sides.values())
    for label in set(labels):
        assert {split for each, split in zip(labels, splits, strict=True) if each == label} == {"train", "validation", "test"}
    assert splits == assign_splits(labels, groups, validation=shares[0], test=shares[1], seed=seed)


@settings(max_examples=70, deadline=None)
@given(data(), st.sampled_from([(0.15, 0.2), (0.1, 0.1), (0.3, 0.3)]), st.integers(0, 5))
def test_shares_are_kept_up_to_the_size_of_a_large_group(case: Case, shares: tuple[float, float], seed: int) -> None:
    labels, groups = case
    splits = assign_splits(labels, groups, validation=shares[0], test=shares[1], seed=seed)
    most = max(Counter(groups).values()) + 2 * len(set(labels))  # a rare class must leave its share to lie on every side
    wanted = {"train": 1 - sum(shares), "validation": shares[0], "test": shares[1]}
    for split, share in wanted.items():
        assert abs(splits.count(split) - share * len(splits)) <= most


@settings(max_examples=70, deadline=None)
@given(data(), st.sampled_from([0.3, 0.6, 0.9]), st.integers(0, 5))
def test_adding_images_moves_none_that_was_split_before(case: Case, part: float, seed: int) -> None:
    labels, groups = case
    known = [row for row in range(len(labels)) if int(groups[row].rpartition("-")[2].lstrip("g") or 0) < 3 or row < part * len(labels)]
    first = assign_splits([labels[row] for row in known], [groups[row] for row in known], validation=0.15, test=0.2, seed=seed)
    before = [""] * len(labels)
    for row, split in zip(known, first, strict=True):
        before[row] = split
    after = assign_splits(labels, groups, validation=0.15, test=0.2, seed=seed, before=before)
    assert [after[row] for row in known] == first
    sides: dict[str, set[str]] = {}
    for group, split in zip(groups, after, strict=True):
        sides.setdefault(group, set()).add(split)
    assert all(len(each) == 1 for each in sides.values())


def test_a_large_data_set_keeps_its_sides_without_any_memory() -> None:
    labels = ["b", "m"] * 4000
    ids = [f"image:{row}" for row in range(8000)]
    half = assign_splits(labels[:4000], ids[:4000], validation=0.15, test=0.2, seed=0)
    whole = assign_splits(labels, ids, validation=0.15, test=0.2, seed=0)
    assert sum(one != other for one, other in zip(half, whole[:4000], strict=True)) < 0.01 * 4000


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("test", "train", "train"), ("validation", "train", "train"), ("test", "validation", "validation"), ("test", "", "test")],
)
def test_groups_that_an_image_connects_go_to_the_most_exposed_side(one: str, other: str, expected: str) -> None:
    labels = ["b", "m"] * 10
    groups = ["joined"] * 2 + [str(row) for row in range(2, 20)]
    splits = assign_splits(labels, groups, validation=0.2, test=0.2, seed=0, before=[one, other, *[""] * 18])
    assert splits[:2] == [expected, expected]


def test_sides_of_before_that_leave_no_room_for_a_class_are_refused_with_the_remedy() -> None:
    labels, groups = ["b"] * 6 + ["m"] * 3, [str(row) for row in range(9)]
    before = ["train", "train", "validation", "test", "train", "train", "train", "train", ""]
    with pytest.raises(InputError, match="with 8 of them kept where they were before does that; split anew with another --set split_seed"):
        assign_splits(labels, groups, validation=0.2, test=0.2, seed=0, before=before)


@settings(max_examples=40, deadline=None)
@given(data(), st.integers(2, 3), st.integers(0, 5))
def test_folds_hold_every_image_once_every_class_and_no_group_twice(case: Case, folds: int, seed: int) -> None:
    labels, groups = case
    placed = assign_folds(labels, groups, folds=folds, seed=seed)
    assert len(placed) == len(labels)
    assert len(set(zip(groups, placed, strict=True))) == len(set(groups))
    for label in set(labels):
        assert {fold for each, fold in zip(labels, placed, strict=True) if each == label} == set(range(folds))
    assert placed == assign_folds(labels, groups, folds=folds, seed=seed)
    assert placed == assign_folds(labels, groups, folds=folds, seed=seed, before=placed)


def test_five_folds_of_fifty_single_images_hold_ten_each_and_the_rest_gives_validation() -> None:
    labels, groups = ["b"] * 30 + ["m"] * 20, [str(row) for row in range(50)]
    folds = assign_folds(labels, groups, folds=5, seed=1)
    assert Counter(zip(labels, folds, strict=True)) == {**{("b", fold): 6 for fold in range(5)}, **{("m", fold): 4 for fold in range(5)}}
    splits = assign_fold_splits(labels, groups, [fold == 2 for fold in folds], validation=0.2, seed=1)
    assert [split == "test" for split in splits] == [fold == 2 for fold in folds]
    assert Counter(zip(labels, splits, strict=True)) == {
        ("b", "test"): 6, ("m", "test"): 4, ("b", "validation"): 6, ("m", "validation"): 4, ("b", "train"): 18, ("m", "train"): 12,
    }  # fmt: skip


def test_folds_that_preserve_sites_never_divide_one() -> None:
    labels = ["b", "m"] * 60
    sites = [f"site {row % 12 // 2}" for row in range(120)]
    folds = assign_folds(labels, [str(row) for row in range(120)], folds=3, seed=0, sites=sites)
    assert len(set(zip(sites, folds, strict=True))) == 6
    assert Counter(folds) == {0: 40, 1: 40, 2: 40}
    with pytest.raises(InputError, match=r"each class needs 7 sites, one for each of fold 0, .*, but 'b' has 6"):
        assign_folds(labels, [str(row) for row in range(120)], folds=7, seed=0, sites=sites)


def test_a_patient_seen_at_two_sites_ties_them() -> None:
    assert unite(["a", "a", "b", "c", ""], ["1", "2", "2", "3", "4"]) == ["site:a", "site:a", "site:a", "site:c", "4"]


def test_a_group_keeps_its_key_when_images_join_it() -> None:
    names = ["ann", "ann+2", "near:ab", "image:ab", "site:a", "c+d", "+1"]
    assert [key_of(name) for name in names] == ["ann", "ann", "ab", "ab", "site:a", "c+d", "+1"]


def test_the_leaking_protocol_splits_each_class_by_image() -> None:
    labels = ["b"] * 20 + ["m"] * 10
    splits = leaking_splits(labels, [str(row) for row in range(30)], validation=0.1, test=0.2, seed=0)
    assert Counter(zip(labels, splits, strict=True)) == {
        ("b", "test"): 4, ("m", "test"): 2, ("b", "validation"): 2, ("m", "validation"): 1, ("b", "train"): 14, ("m", "train"): 7,
    }  # fmt: skip
    with pytest.raises(InputError, match="each class needs images for train, validation, test, but 'm' has 2"):
        leaking_splits(["b"] * 20 + ["m"] * 2, [str(row) for row in range(22)], validation=0.1, test=0.2, seed=0)


def test_folds_that_leak_deal_single_images_and_are_not_remembered(tmp_path: Path) -> None:
    recipe = load("quickstart").override({"folds": "5"})
    labels, groups, ids = ["b", "m"] * 25, [str(row // 10) for row in range(50)], [f"image {row}" for row in range(50)]
    folds = [
        split_images(labels, groups, ids, recipe=recipe.override({"fold": str(fold)}), memory=Memory(tmp_path), leak=True)
        for fold in range(5)
    ]
    tested = Counter(image for split in folds for image, side in zip(ids, split.splits, strict=True) if side == "test")
    assert tested == Counter(ids)  # each image once
    tested_groups = {group for group, side in zip(groups, folds[0].splits, strict=True) if side == "test"}
    assert len(tested_groups) > 1  # ten images of groups of ten: not one whole group
    folds[0].keep(Memory(tmp_path), ids)
    assert list(tmp_path.iterdir()) == []


def test_another_seed_gives_another_split() -> None:
    labels = ["b", "m"] * 30
    groups = [str(row) for row in range(60)]
    drawn = {tuple(assign_splits(labels, groups, validation=0.2, test=0.2, seed=seed)) for seed in range(5)}
    assert len(drawn) == 5
