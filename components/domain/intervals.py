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

from components.domain.metrics import WORST_LOG_LOSS, Scored, chance_agreement, kappa
from components.domain.report import Interval

FEWEST_GROUPS = 5
"""Groups that every class must have in a split for an interval to be stated."""
_Z = 1.959964  # the normal distribution's 97.5 % point
_NOTHING = 1e-9  # below it a width is rounding
AREAS = ("auc", "auc_positive", "average_precision")

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


def widen(
    intervals: Mapping[str, Interval], scored: Scored, groups: Sequence[str], *, others: Mapping[str, Images] | None = None
) -> dict[str, Interval]:
    """Return the intervals of a bootstrap, wider where there are too few groups for their width.

    Args:
        intervals: by the names of `measure` and `measure_classes`; others stay as they are unless named in `others`.
        scored: what was measured, N images.
        groups: of each image, length N.
        others: further metrics, with the images that each is a share of, bool [N].
    """
    if fewest_groups(scored.labels.tolist(), groups) < FEWEST_GROUPS:
        return {name: Interval(each.value, _lowest(name), _highest(name, scored)) for name, each in intervals.items()}
    counts = {name: min(count_groups(images, groups) for images in parts) for name, parts in _parts(scored, others or {}).items()}
    wider = {name: widen_share(name, each, counts[name]) if name in counts else each for name, each in intervals.items()}
    if "kappa" in wider and "accuracy" in wider:
        wider["kappa"] = _widen_kappa(wider["kappa"], wider["accuracy"], scored)
    return wider


def honest_share(name: str, interval: Interval, count: int) -> Interval:
    """Return the interval of one share or area, or its whole range where it is of fewer than `FEWEST_GROUPS` groups.

    Args:
        name: of the metric.
        interval: from a bootstrap.
        count: groups that it is a share of.
    """
    return Interval(interval.value, 0.0, 1.0) if count < FEWEST_GROUPS else widen_share(name, interval, count)


def widen_share(name: str, interval: Interval, count: int) -> Interval:
    """Return the wider of a bootstrap's interval and Wilson's where the first has no width or ends at 0 or 1; arguments as above."""
    narrow = interval.high - interval.low < _NOTHING
    at_an_end = interval.low < _NOTHING or interval.high > 1 - _NOTHING
    if not narrow and (name.rpartition(".")[2] in AREAS or not at_an_end):
        return interval
    low, high = wilson(min(max(interval.value, 0.0), 1.0), count)
    return Interval(interval.value, min(low, interval.low), max(high, interval.high))


def _widen_kappa(interval: Interval, accuracy: Interval, scored: Scored) -> Interval:
    """Return an interval without width, or that ends at 1, as wide as the accuracy's: kappa is a line in it for fixed margins."""
    if interval.high - interval.low >= _NOTHING and interval.high < 1 - _NOTHING:
        return interval
    chance = chance_agreement(scored, np.ones((1, len(scored.labels))))
    low, high = (float(kappa(np.array([end]), chance)[0]) for end in (accuracy.low, accuracy.high))
    return Interval(interval.value, min(low, interval.low), max(high, interval.high))


def _parts(scored: Scored, others: Mapping[str, Images]) -> dict[str, tuple[Images, ...]]:
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
        **{f"{index}.f1": ((labels == index) | (predicted == index),) for index in classes},
        **{f"{index}.specificity": (labels != index,) for index in classes},
        **{f"{index}.{area}": (labels == index, labels != index) for index in classes for area in ("auc", "average_precision")},
        **{name: (images,) for name, images in others.items()},
    }


def count_groups(images: Images, groups: Sequence[str]) -> int:
    """Return how many groups have any of the marked images, bool [N]."""
    return len({group for group, counts in zip(groups, images.tolist(), strict=True) if counts})


def _lowest(name: str) -> float:
    """Return the smallest value that a metric can have: agreement below chance makes kappa negative."""
    return -1.0 if name == "kappa" else 0.0


def _highest(name: str, scored: Scored) -> float:
    """Return the largest value that a metric can have: Brier over more than two classes is a sum, the log loss is clipped."""
    if name == "log_loss":
        return WORST_LOG_LOSS
    return 2.0 if name == "brier" and scored.probabilities.shape[1] > 2 else 1.0
