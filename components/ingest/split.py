"""Split by group: train, validation and test, or k folds, that share no patient, slide or near duplicate, stratified by class.

Groups that hold several classes (an IDC slide) and groups of very different size are the rule, so exact shares do not exist
(`components.ingest.balance`). An image keeps the side it had before (`before`, from `components.ingest.memory`) whatever is added.
One thing can force a move: a new image that connects two groups of different sides, because no group may lie on two. Then
the whole group goes to the most exposed side, train before validation before test: what a model may have been trained on never
comes to judge one. Between folds it goes where most of its images were.
"""

from collections import Counter

import numpy as np
import numpy.typing as npt

from components.domain.artifacts import SPLITS
from components.domain.errors import InputError
from components.ingest.balance import assign, draws
from components.ingest.groups import key_of, unite

GROUPS = "groups (patients, slides or distinct pictures)"


def assign_splits(
    labels: list[str], groups: list[str], *, validation: float, test: float, seed: int, before: list[str] | None = None
) -> list[str]:
    """Put each image into a split.

    Args:
        labels: class of each image.
        groups: group of each image; never divided.
        validation: share of each class's images that should go there.
        test: likewise.
        seed: of the draws; the same seed gives the same splits.
        before: split that each image had before, "" for a new one; kept.

    Returns:
        One of `SPLITS` for each image.

    Raises:
        InputError: if a class has fewer than three groups, or no assignment has every class in every split.
    """
    units = _Units(labels, groups)
    fixed = np.full(len(units.names), -1)
    for unit, split in zip(units.of_image, before or [], strict=bool(before)):
        if split:
            fixed[unit] = SPLITS.index(split) if fixed[unit] < 0 else min(fixed[unit], SPLITS.index(split))
    sides = units.spread(SPLITS, np.array([1 - validation - test, validation, test]), draws(units.names, seed=seed), fixed)
    return [SPLITS[side] for side in sides]


def assign_folds(
    labels: list[str], groups: list[str], *, folds: int, seed: int, sites: list[str] | None = None, before: list[int] | None = None
) -> list[int]:
    """Put each image into a fold.

    Args:
        labels: class of each image.
        groups: group of each image; never divided.
        folds: how many, 2 or more.
        seed: of the draws.
        sites: where each image comes from, "" where unknown. What one site holds stays in one fold, so that each fold is tested
            on sites that its model never saw (Howard et al., Nature Communications 12 (2021) 4423).
        before: fold that each image had before, -1 for a new one; kept.

    Returns:
        0 to folds - 1 for each image.

    Raises:
        InputError: if a class has fewer groups (or sites) than there are folds, or no assignment has every class in every fold.
    """
    units = _Units(labels, groups) if sites is None else _Units(labels, unite(sites, groups), what="sites")
    votes = np.zeros((len(units.names), folds))
    for unit, fold in zip(units.of_image, before or [], strict=bool(before)):
        if fold >= 0:
            votes[unit, fold] += 1
    fixed = np.where(votes.any(axis=1), votes.argmax(axis=1), -1)
    names = tuple(f"fold {number}" for number in range(folds))
    return units.spread(names, np.full(folds, 1 / folds), draws(units.names, seed=seed, purpose="fold"), fixed)


def assign_fold_splits(
    labels: list[str], groups: list[str], held_out: list[bool], *, validation: float, seed: int, before: list[str] | None = None
) -> list[str]:
    """Make splits of one fold: what is held out is the test split, validation is drawn from the rest.

    Args:
        labels: class of each image.
        groups: group of each image; none lies both in and outside the fold.
        held_out: whether each image is in the fold.
        validation: share of all images that should go there.
        seed: of the draws.
        before: split that each image had before, "" for a new one; kept.

    Raises:
        InputError: if a class lies in a single group outside the fold.
    """
    rest = [row for row, out in enumerate(held_out) if not out]
    splits = ["test"] * len(labels)
    units = _Units([labels[row] for row in rest], [groups[row] for row in rest])
    fixed = np.full(len(units.names), -1)
    for unit, row in zip(units.of_image, rest, strict=True):
        split = before[row] if before else ""
        if split in SPLITS[:2]:
            fixed[unit] = SPLITS.index(split) if fixed[unit] < 0 else min(fixed[unit], SPLITS.index(split))
    share = validation * len(labels) / max(len(rest), 1)
    drawn = draws(units.names, seed=seed, purpose="validation")
    for row, side in zip(rest, units.spread(SPLITS[:2], np.array([1 - share, share]), drawn, fixed), strict=True):
        splits[row] = SPLITS[side]
    return splits


def leaking_splits(labels: list[str], ids: list[str], *, validation: float, test: float, seed: int) -> list[str]:
    """Split by image at random, stratified by class, as published protocols do. It leaks; it is only there to reproduce them."""
    order = np.argsort(draws(ids, seed=seed, purpose="by image"), kind="stable")
    splits = ["train"] * len(ids)
    for label in sorted(set(labels)):
        rows = [row for row in order.tolist() if labels[row] == label]
        ends = round(test * len(rows)), round(test * len(rows)) + round(validation * len(rows))
        if not 0 < ends[0] < ends[1] < len(rows):
            raise InputError(f"each class needs images for {', '.join(SPLITS)}, but {label!r} has {len(rows)}; add images of it")
        for place, row in enumerate(rows[: ends[1]]):
            splits[row] = "test" if place < ends[0] else "validation"
    return splits


class _Units:
    """What is put somewhere as a whole, with its images of each class."""

    def __init__(self, labels: list[str], groups: list[str], *, what: str = GROUPS) -> None:
        self.labels, self.classes, self.what = labels, sorted(set(labels)), what
        groups_in_order = sorted(set(groups))
        where = {group: row for row, group in enumerate(groups_in_order)}
        self.of_image = [where[group] for group in groups]
        self.names = [key_of(group) for group in groups_in_order]
        column = {label: index for index, label in enumerate(self.classes)}
        self.counts = np.zeros((len(where), len(self.classes)), dtype=np.int64)
        np.add.at(self.counts, (self.of_image, [column[label] for label in labels]), 1)

    def spread(
        self, sides: tuple[str, ...], shares: npt.NDArray[np.float64], drawn: npt.NDArray[np.float64], fixed: npt.NDArray[np.int64]
    ) -> list[int]:
        """Return the side of each image, every class on every side, or raise InputError with the remedy."""
        for label, count in zip(self.classes, (self.counts > 0).sum(axis=0).tolist(), strict=True):
            if count < len(sides):
                raise InputError(
                    f"each class needs {len(sides)} {self.what}, one for each of {', '.join(sides)}, but {label!r} has {count}; "
                    "add images of it or take the class out"
                )
        chosen = assign(self.counts, shares, drawn, fixed)
        if chosen is None:
            known = int((fixed >= 0).sum())
            kept = f" with {known} of them kept where they were before" if known else ""
            raise InputError(
                f"each of the {len(self.classes)} classes must lie in all of {', '.join(sides)}, but no assignment of the "
                f"{len(fixed)} {self.what.split(' (')[0]}{kept} does that; "
                + ("split anew with another --set split_seed=N" if known else "add groups or merge rare classes")
            )
        return [int(chosen[unit]) for unit in self.of_image]


def moved(before: list[str], after: list[str]) -> Counter[tuple[str, str]]:
    """Count the images that had a side and have another now, by (before, after)."""
    return Counter((one, other) for one, other in zip(before, after, strict=True) if one and one != other)
