from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.domain.errors import InputError
from components.ingest.split import assign_splits, join_groups

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
    with pytest.raises(InputError, match=r"each class needs 3 groups .*, but 'm' has 2; add images of it or take the class out"):
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
    largest = max(Counter(groups).values())
    wanted = {"train": 1 - sum(shares), "validation": shares[0], "test": shares[1]}
    for split, share in wanted.items():
        assert abs(splits.count(split) - share * len(splits)) <= largest + len(set(labels))


def test_another_seed_gives_another_split() -> None:
    labels = ["b", "m"] * 30
    groups = [str(row) for row in range(60)]
    drawn = {tuple(assign_splits(labels, groups, validation=0.2, test=0.2, seed=seed)) for seed in range(5)}
    assert len(drawn) == 5
