"""DeLong's test of two areas under the ROC curve on the same images, for images that come in groups.

A model's AUC is a mean of placement values: of a positive image, the share of other images below it; of another image, the
share of positive images above it. DeLong, DeLong and Clarke-Pearson (Biometrics 44 (1988) 837) read its variance off them, Sun
and Xu (IEEE Signal Process. Lett. 21 (2014) 1389) get them from midranks in O(n log n), and Obuchowski (Biometrics 53 (1997)
567) sums them by cluster, for the images of one patient resemble each other. With one image a group her variance is DeLong's,
exactly, so one implementation serves both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from components.domain.metrics import Floats

Truth = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Areas:
    """AUCs of M models, float64 [M], and the covariance of their estimates, float64 [M, M]."""

    values: Floats
    covariance: Floats

    def difference(self, first: int = 0, second: int = 1) -> tuple[float, float]:
        """Return second - first and its standard error."""
        spread = self.covariance[first, first] + self.covariance[second, second] - 2 * self.covariance[first, second]
        return float(self.values[second] - self.values[first]), math.sqrt(max(float(spread), 0.0))

    def p_value(self, first: int = 0, second: int = 1) -> float:
        """Return the two-sided p-value of equal areas; NaN where they differ but show no variance, so that no test exists."""
        difference, error = self.difference(first, second)
        if error < 1e-12:
            return 1.0 if abs(difference) < 1e-12 else math.nan
        return float(2 * norm.sf(abs(difference) / error))


def placements(scores: Floats, truth: Truth) -> tuple[Floats, Floats]:
    """Return the placement values of positive and of other images, by midranks: float64 [M, P] and [M, N - P].

    Args:
        scores: of M models, float64 [M, N].
        truth: bool [N], with both values in it.
    """
    positive, negative = scores[:, truth], scores[:, ~truth]
    count, rest = positive.shape[1], negative.shape[1]
    ranks = rankdata(np.concatenate([positive, negative], axis=1), axis=1)
    above = (ranks[:, :count] - rankdata(positive, axis=1)) / rest
    below = 1 - (ranks[:, count:] - rankdata(negative, axis=1)) / count
    return above, below


def areas(scores: Floats, truth: Truth, groups: Sequence[str]) -> Areas:
    """Return the AUCs of several models on the same images, with their covariance over groups.

    Args:
        scores: of M models, float64 [M, N].
        truth: bool [N]; positive images, and others, must be of two groups or more.
        groups: of each image, length N.
    """
    return mean_areas(scores[:, :, None], truth[:, None], groups)


def mean_areas(scores: Floats, truths: Truth, groups: Sequence[str]) -> Areas:
    """Return each model's mean AUC over K classes, one against the rest; of one class that is Obuchowski's estimate.

    Between classes the covariance is that of the groups' summed placement values.

    Args:
        scores: of M models, float64 [M, N, K].
        truths: which images are of each class, bool [N, K].
        groups: of each image, length N.
    """
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    classes, clusters = truths.shape[1], len(names)
    sums, values, covariance = [], np.zeros(scores.shape[0]), np.zeros((scores.shape[0],) * 2)
    for index in range(classes):
        truth = truths[:, index]
        above, below = placements(scores[:, :, index], truth)
        area = above.mean(axis=1)
        ours, others = (
            _by_group(part - area[:, None], place[images], clusters) / part.shape[1] for part, images in ((above, truth), (below, ~truth))
        )
        values += area / classes
        covariance += _own(ours, others, place[truth], place[~truth]) / classes**2
        sums.append(ours + others)
    for first in range(classes):
        for second in range(classes):
            if first != second:
                covariance += _enlarged(clusters) * sums[first] @ sums[second].T / classes**2
    return Areas(values, covariance)


def _own(ours: Floats, others: Floats, positive: npt.NDArray[np.intp], negative: npt.NDArray[np.intp]) -> Floats:
    cross = ours @ others.T
    clusters = ours.shape[1]
    result: Floats = (
        _enlarged(len(np.unique(positive))) * ours @ ours.T
        + _enlarged(len(np.unique(negative))) * others @ others.T
        + _enlarged(clusters) * (cross + cross.T)
    )
    return result


def _enlarged(count: int) -> float:
    """Return the factor that makes a mean of squares over `count` groups unbiased."""
    return count / (count - 1)


def _by_group(values: Floats, place: npt.NDArray[np.intp], count: int) -> Floats:
    summed = np.zeros((values.shape[0], count))
    np.add.at(summed.T, place, values.T)
    return summed
