"""Intervals that say no more than the groups behind them allow.

A bootstrap draws only what it was given: if every image is right in every group, each resample is perfect, and its interval
is [1, 1], whether there were 5 patients or 5,000. So a share whose bootstrap interval has no width or ends at 0 or 1 gets the
wider of it and Wilson's interval (J. Am. Stat. Assoc. 22 (1927) 209) on the number of groups that the share is of; groups, not
images, for the images of a group resemble each other. Areas under a curve do so where the interval has no width, on the class with the
fewest groups: the variance of an AUC is at most that of a share on so many (Birnbaum and Klose, Ann. Math. Stat. 28 (1957) 933).
Below `FEWEST_GROUPS` groups in any class no interval is worth its name, and each metric gets its whole range.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from components.domain.metrics import WORST_LOG_LOSS, Scored
from components.domain.report import Interval

FEWEST_GROUPS = 5
"""Groups that every class must have in a split for an interval to be stated."""
_Z = 1.959964  # the normal distribution's 97.5 % point
_NOTHING = 1e-9  # below it a width is rounding
_AREAS = ("auc", "auc_positive", "average_precision")

Images = npt.NDArray[np.bool_]


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of `count` independent things; [0, 1] of none.

    >>> [round(end, 3) for end in wilson(1.0, 10)]
    [0.722, 1.0]
    """
    if not count:
        return 0.0, 1.0
    spread = _Z**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * share * (1 - share) + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def fewest_groups(labels: Sequence[int], groups: Sequence[str]) -> int:
    """Return how many groups the class with the fewest of them has; a group with images of two classes counts for both."""
    held: dict[int, set[str]] = {}
    for label, group in zip(labels, groups, strict=True):
        held.setdefault(label, set()).add(group)
    return min(map(len, held.values()))


def widen(intervals: Mapping[str, Interval], scored: Scored, groups: Sequence[str], *, of_all: Sequence[str] = ()) -> dict[str, Interval]:
    """Return the intervals of a bootstrap, wider where there are too few groups for their width.

    Args:
        intervals: by the names of `measure` and `measure_classes`; others stay as they are unless named in `of_all`.
        scored: what was measured, N images.
        groups: of each image, length N.
        of_all: further metrics that are shares of all images.
    """
    if fewest_groups(scored.labels.tolist(), groups) < FEWEST_GROUPS:
        return {name: Interval(each.value, 0.0, _highest(name, scored)) for name, each in intervals.items()}
    counts = {name: min(_count(images, groups) for images in parts) for name, parts in _parts(scored, of_all).items()}
    return {name: _widen(name, each, counts[name]) if name in counts else each for name, each in intervals.items()}


def _widen(name: str, interval: Interval, count: int) -> Interval:
    narrow = interval.high - interval.low < _NOTHING
    at_an_end = interval.low < _NOTHING or interval.high > 1 - _NOTHING
    if not narrow and (name in _AREAS or not at_an_end):
        return interval
    low, high = wilson(min(max(interval.value, 0.0), 1.0), count)
    return Interval(interval.value, min(low, interval.low), max(high, interval.high))


def _parts(scored: Scored, of_all: Sequence[str]) -> dict[str, tuple[Images, ...]]:
    """Return for each metric the images that it is a share of; where there are several sets, the one with the fewest groups counts."""
    labels, predicted = scored.labels, scored.predicted
    truth, called = labels == scored.positive, predicted == scored.positive
    classes = range(scored.probabilities.shape[1])
    by_class = tuple(labels == index for index in classes)
    everything = (np.ones(len(labels), dtype=np.bool_),)
    return {
        "auc": by_class,
        "auc_positive": (truth, ~truth),
        "average_precision": (truth, ~truth),
        "sensitivity": (truth,),
        "specificity": (~truth,),
        "precision": (called,),
        "f1": (truth | called,),
        "accuracy": everything,
        "balanced_accuracy": by_class,
        **{f"{index}.recall": (labels == index,) for index in classes},
        **{f"{index}.precision": (predicted == index,) for index in classes},
        **dict.fromkeys(of_all, everything),
    }


def _count(images: Images, groups: Sequence[str]) -> int:
    return len({group for group, counts in zip(groups, images.tolist(), strict=True) if counts})


def _highest(name: str, scored: Scored) -> float:
    """Return the largest value that a metric can have: Brier over more than two classes is a sum, the log loss is clipped."""
    if name == "log_loss":
        return WORST_LOG_LOSS
    return 2.0 if name == "brier" and scored.probabilities.shape[1] > 2 else 1.0
