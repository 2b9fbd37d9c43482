"""What it costs that images come in groups: twenty images of one patient say less about a window than twenty patients do.

The log knows no patients, the reference window does (its column `group`). From it comes, column by column, how far the images
of a group resemble each other, the intra-class correlation, and how many images a group has. A window is presumed to come in
groups like the reference's, so that its statistic varies by the design effect 1 + (size - 1) * correlation more than that of
independent images (Kish, Survey Sampling, 1965).

From `MANY` groups on, the reference itself shows what that does to all detectors together: its groups are dealt, whole, to two
sides, and a statistic must be surprising among these dealings and among those of single images (which know of values that the
reference does not hold). From fewer groups, dealings of them tell too little of the tail (3.0 % false alarms at alpha 0.01 with
18), so the observed statistic is divided by the design effect and judged among dealings of single images alone: the first-order
correction of Rao and Scott (JASA 76 (1981) 221), on the safe side.

Groups tell the correlation only roughly, and an error to the low side is a false alarm. So its upper confidence bound is used,
from the F distribution of the one-way analysis of variance (Searle, Linear Models, 1971, 9.8); where groups are dealt, by as much
as it exceeds what the reference shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.monitor.familywise import Floats, Integers

CONFIDENCE = 0.9
"""Of the upper bound of the intra-class correlation, where the evidence is divided by the design effect."""
DEALT_CONFIDENCE = 0.75
"""The same where groups are dealt."""
MIDDLE = 0.5
"""The same for the correlation that is as likely too high as too low."""
MANY = 40
"""Groups of the reference window from which they are dealt whole."""


@dataclass(frozen=True)
class Grouping:
    """How the images of both windows come in groups, before any are left out by drawing at random.

    Attributes:
        size: images in the group of an average image of the reference, sum(size^2) / sum(size); 1 if each stands for itself.
        reference: images of the reference window.
        current: images of the current window.
    """

    size: float
    reference: int
    current: int

    def design_effect(self, correlation: float, reference: int, current: int) -> float:
        """Return by how much the variance of a difference exceeds that between independent images, at least 1.

        Drawing a share of the images thins the groups by that share. A window holds no larger group than itself.

        Args:
            correlation: intra-class, in [0, 1].
            reference: images of the reference window that are compared.
            current: the same of the current window.
        """
        shared = (self.size - 1) / self.reference + (min(self.size, self.current) - 1) / self.current
        return max(1.0, 1 + correlation * shared / (1 / reference + 1 / current))


def codes(groups: Sequence[str | None]) -> Integers | None:
    """Number the groups from 0 on; a row without one is its own. None if no row has a group."""
    if all(name is None for name in groups):
        return None
    names = [f"row {row}" if name is None else f"group {name}" for row, name in enumerate(groups)]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def group_size(groups: Sequence[str | None]) -> float:
    """Return the images in the group of an average image; 1 if no groups are known."""
    numbers = codes(groups)
    return 1.0 if numbers is None else float((np.bincount(numbers) ** 2).sum() / len(numbers))


def correlation_of_numbers(values: Floats, groups: Integers, *, confidence: float = CONFIDENCE) -> float:
    """Return the bound of the intra-class correlation of ranks: float [n] in groups int [n]."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return _bound(*_sums(ranks[places][:, None], groups), groups, confidence)


def correlation_of_categories(values: Sequence[str], groups: Integers, *, confidence: float = CONFIDENCE) -> float:
    """Return the bound of the intra-class correlation of category membership, each category weighted as by chi-square."""
    _, places, counts = np.unique(np.asarray(values, dtype=str), return_inverse=True, return_counts=True)
    return _bound(*_sums(np.eye(len(counts))[places] / np.sqrt(counts), groups), groups, confidence)


def correlation_of_embeddings(values: npt.NDArray[np.float32], groups: Integers, *, confidence: float = CONFIDENCE) -> float:
    """Return the bound of the intra-class correlation of unit vectors [n, D], from distances instead of squares.

    Source: distance components, Rizzo and Szekely, Annals of Applied Statistics 4 (2010) 1034.
    """
    unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    distances = np.sqrt(np.maximum(2 - 2 * (unit @ unit.T), 0))
    np.fill_diagonal(distances, 0)
    total = distances.sum(dtype=np.float64) / (2 * len(values))
    within = 0.0
    for number in np.unique(groups):
        rows = np.flatnonzero(groups == number)
        within += distances[np.ix_(rows, rows)].sum(dtype=np.float64) / (2 * len(rows))
    return _bound(total - within, within, groups, confidence)


def _sums(values: Floats, groups: Integers) -> tuple[float, float]:
    """Return the sums of squares of [n, K] between and within groups."""
    _, rows, counts = np.unique(groups, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(rows, weights=column) / counts for column in values.T], axis=1)
    between = float((counts[:, None] * (means - values.mean(axis=0)) ** 2).sum())
    return between, float(((values - means[rows]) ** 2).sum())


def _bound(between: float, within: float, groups: Integers, confidence: float) -> float:
    """Return the upper bound of the intra-class correlation, in [0, 1], from sums of squares.

    A column that does not vary within groups, or not at all, tells nothing against 1, nor does a single group. Where each image
    is its own group it is 0.
    """
    from scipy.special import fdtri  # slow to import, and needed only once there is something to compare

    sizes = np.unique(groups, return_counts=True)[1]
    rows, count = len(groups), len(sizes)
    if count == rows:
        return 0.0
    if count == 1 or within <= 1e-9 * (between + within):
        return 1.0
    usual = (rows - (sizes**2).sum() / rows) / (count - 1)
    ratio = between / (count - 1) / (within / (rows - count)) / float(fdtri(count - 1, rows - count, 1 - confidence))
    return float(np.clip((ratio - 1) / (ratio - 1 + usual), 0.0, 1.0))
