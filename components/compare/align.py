"""The test images that several models have in common: only on those can they be compared."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from components.domain.errors import InputError
from components.domain.intervals import FEWEST_GROUPS, fewest_groups
from components.domain.metrics import Scored
from components.domain.predictions import Predictions
from components.domain.report import Report

logger = logging.getLogger(__name__)
LEAST_SHARE = 0.5
"""Part of the smallest test split that all must have in common."""


@dataclass(frozen=True)
class Entrant:
    """A model that is compared: its name, the report of its evaluation, and what it says of each test image."""

    name: str
    report: Report
    predictions: Predictions


@dataclass(frozen=True)
class Aligned:
    """Entrants whose predictions are of the same images in the same order.

    Attributes:
        entrants: with the common images only.
        same: every test split was the same; else only a part of each is compared.
        left_out: test images of each entrant that not all have, by name.
        relabelled: images that all have, but under different labels; they are left out.
    """

    entrants: tuple[Entrant, ...]
    same: bool
    left_out: dict[str, int]
    relabelled: int


def align(entrants: Sequence[Entrant]) -> Aligned:
    """Bring entrants to the test images that they have in common.

    Groups of different data sets that share an image are one group.

    Raises:
        InputError: if classes differ, or too few images are common.
    """
    first = entrants[0]
    for other in entrants[1:]:
        _require_same_question(first, other)
    labelled = [_labels(each.predictions) for each in entrants]
    common = set.intersection(*(set(labels) for labels in labelled))
    agreed = sorted(key for key in common if len({labels[key] for labels in labelled}) == 1)
    left_out = {each.name: len(each.predictions.ids) - len(agreed) for each in entrants}
    same = not any(left_out.values())
    if not same:
        _require_enough(agreed, entrants)
    kept = [_keep(each, agreed) for each in entrants]
    groups = _joined([each.predictions.groups for each in kept])
    kept = [replace(each, predictions=replace(each.predictions, groups=groups)) for each in kept]
    if not same:
        _require_groups(kept[0])
    return Aligned(tuple(kept), same, left_out, len(common) - len(agreed))


Key = tuple[str, int]
"""An image: its id, and which of the images of that id it is."""


def _keys(predictions: Predictions) -> list[Key]:
    seen: Counter[str] = Counter()
    keys = []
    for identity in predictions.ids:
        keys.append((identity, seen[identity]))
        seen[identity] += 1
    return keys


def _labels(predictions: Predictions) -> dict[Key, int]:
    return dict(zip(_keys(predictions), predictions.scored.labels.tolist(), strict=True))


def _keep(entrant: Entrant, keys: Sequence[Key]) -> Entrant:
    predictions = entrant.predictions
    places = {key: place for place, key in enumerate(_keys(predictions))}
    chosen = np.array([places[key] for key in keys], dtype=np.int64)
    scored = predictions.scored
    part = Scored(scored.labels[chosen], scored.probabilities[chosen], scored.predicted[chosen], scored.positive)
    ids, groups = ([values[place] for place in chosen] for values in (predictions.ids, predictions.groups))
    return replace(entrant, predictions=replace(predictions, ids=ids, groups=groups, scored=part))


def _joined(groupings: Sequence[Sequence[str]]) -> list[str]:
    """Return one name per image such that images are together if any of the groupings has them together."""
    parent = list(range(len(groupings[0])))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for grouping in groupings:
        first: dict[str, int] = {}
        for place, name in enumerate(grouping):
            parent[root(place)] = root(first.setdefault(name, place))
    return [groupings[0][root(place)] for place in range(len(parent))]


def _require_same_question(first: Entrant, other: Entrant) -> None:
    ours, theirs = first.report, other.report
    if ours.classes != theirs.classes or ours.positive != theirs.positive:
        told = [f"{', '.join(report.classes)} (positive {report.positive})" for report in (ours, theirs)]
        raise InputError(
            f"models must tell the same classes apart to be compared, but {first.name} has {told[0]} and {other.name} {told[1]}; "
            "compare runs of one task"
        )


def _require_enough(keys: Sequence[Key], entrants: Sequence[Entrant]) -> None:
    smallest = min(entrants, key=lambda each: len(each.predictions.ids))
    size = len(smallest.predictions.ids)
    if len(keys) < LEAST_SHARE * size:
        raise InputError(
            f"models are compared on the same test images, at least {LEAST_SHARE:.0%} of the smallest test split, but of the {size} of "
            f"{smallest.name} only {len(keys)} were tested on by all; train both on the same data with the same split_seed, test and "
            "validation shares"
        )
    held = {entrants[0].report.classes[label] for label in (_labels(entrants[0].predictions)[key] for key in keys)}
    missing = sorted(set(entrants[0].report.classes) - held)
    if missing:
        raise InputError(f"the common test images must hold every class, but have no {', '.join(missing)}; train both on the same data")


def _require_groups(entrant: Entrant) -> None:
    predictions = entrant.predictions
    fewest = fewest_groups(predictions.scored.labels.tolist(), predictions.groups)
    if fewest < FEWEST_GROUPS:
        raise InputError(
            f"the common test images must have {FEWEST_GROUPS} groups of every class, but one has {fewest}; train both on the same data"
        )
