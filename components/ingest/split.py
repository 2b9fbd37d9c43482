"""Split by group: train, validation and test that share no patient, slide or near duplicate, stratified by class.

Groups that hold several classes (an IDC slide) and groups of very different size are the rule, so exact shares do not exist.
Greedy assignment, largest group first, to the split that then lies closest to its share of every class, and a repair for a class
that misses a split; the idea of scikit-learn's `StratifiedGroupKFold`, with shares instead of equal folds.
"""

from collections import Counter

import numpy as np

from components.domain.artifacts import SPLITS
from components.domain.errors import InputError
from components.ingest.duplicates import Pairs, clusters

ATTEMPTS = 25


def join_groups(known: list[str], ids: list[str], pairs: Pairs) -> list[str]:
    """Unite patient or slide groups with near-duplicate clusters: what is connected by either is one group.

    Args:
        known: patient or slide of each image, "" where unknown.
        ids: content id of each image; names a group where no patient does.
        pairs: near duplicates among the images.

    Returns:
        The group of each image: a patient's name; `<first patient>+<n>` where near duplicates connect n further patients;
        `near:<id>` for a cluster and `image:<id>` for a single image that nobody is known of.
    """
    first: dict[str, int] = {}
    same = [(first.setdefault(name, row), row) for row, name in enumerate(known) if name]
    edges = np.concatenate([pairs, np.array(same, dtype=np.int64).reshape(-1, 2)])
    component = clusters(edges, len(known)).tolist()
    sizes = Counter(component)
    patients: dict[int, set[str]] = {}
    least: dict[int, str] = {}
    for number, name, content in zip(component, known, ids, strict=True):
        if name:
            patients.setdefault(number, set()).add(name)
        least[number] = min(content, least.get(number, content))
    names: dict[int, str] = {}
    for number, size in sizes.items():
        people = sorted(patients.get(number, ()))
        if people:
            names[number] = people[0] if len(people) == 1 else f"{people[0]}+{len(people) - 1}"
        else:
            names[number] = f"{'near' if size > 1 else 'image'}:{least[number][:16]}"
    return [names[number] for number in component]


def assign_splits(labels: list[str], groups: list[str], *, validation: float, test: float, seed: int) -> list[str]:
    """Put each image into a split.

    Args:
        labels: class of each image.
        groups: group of each image; never divided.
        validation: share of each class's images that should go there.
        test: likewise.
        seed: decides between equally good assignments; the same seed gives the same splits.

    Returns:
        One of `SPLITS` for each image.

    Raises:
        InputError: if a class has fewer than three groups, or no assignment has every class in every split.
    """
    classes = sorted(set(labels))
    per_class = {label: len({group for group, each in zip(groups, labels, strict=True) if each == label}) for label in classes}
    for label, count in per_class.items():
        if count < len(SPLITS):
            raise InputError(
                f"each class needs {len(SPLITS)} groups (patients, slides or distinct pictures), one a split, but {label!r} has {count}; "
                "add images of it or take the class out"
            )
    names = sorted(set(groups))
    where = {name: row for row, name in enumerate(names)}
    column = {label: index for index, label in enumerate(classes)}
    counts = np.zeros((len(names), len(classes)), dtype=np.int64)
    np.add.at(counts, ([where[group] for group in groups], [column[label] for label in labels]), 1)
    shares = np.array([1 - validation - test, validation, test])
    for attempt in range(ATTEMPTS):
        side = _greedy(counts, shares, np.random.default_rng([seed, attempt]))
        if _repair(counts, side):
            return [SPLITS[side[where[group]]] for group in groups]
    raise InputError(
        f"each of the {len(classes)} classes must lie in all of {', '.join(SPLITS)}, but no assignment of the {len(names)} groups "
        "does that; add groups or merge rare classes"
    )


def _greedy(counts: np.ndarray, shares: np.ndarray, random: np.random.Generator) -> list[int]:
    """Return a split for each group; counts is int64 [groups, classes], shares float [splits] with sum 1."""
    total = counts.sum(axis=0)
    weights = counts / total
    order = random.permutation(len(counts))
    order = order[np.argsort(-weights[order].sum(axis=1), kind="stable")]
    missing = [[float(share)] * len(total) for share in shares]
    side = [0] * len(counts)
    for row in order.tolist():
        parts = [(place, part) for place, part in enumerate(weights[row].tolist()) if part]
        costs = [sum(part * (part - 2 * need[place]) for place, part in parts) for need in missing]
        best = costs.index(min(costs))
        side[row] = best
        for place, part in parts:
            missing[best][place] -= part
    return side


def _repair(counts: np.ndarray, side: list[int]) -> bool:
    """Move the smallest groups that help until every class lies in every split; return whether that was reached."""
    has = counts > 0
    for _ in range(2 * counts.shape[1] * len(SPLITS)):
        places = np.array(side)
        present = np.stack([has[places == split].sum(axis=0) for split in range(len(SPLITS))])
        if (present > 0).all():
            return True
        split, label = (int(index) for index in np.argwhere(present == 0)[0])
        spare = [row for row in np.flatnonzero(has[:, label]).tolist() if side[row] != split and (present[side[row]][has[row]] > 1).all()]
        if not spare:
            return False
        side[min(spare, key=lambda row: (counts[row].sum(), row))] = split
    return False
