"""McNemar's exact test of two shares on the same images, for images that come in groups.

Of the images that only one model has right, each is as likely to be the one's as the other's if the models are equally good
(McNemar, Psychometrika 12 (1947) 153; exact by the binomial distribution). Where a group has several images they do not vote
alone: the group's net count keeps or changes its sign as a whole, with chance 1/2 each, and the distribution of the sum over
groups is computed exactly. With one image a group the two are the same test.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

Right = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Discordance:
    """How often two models differ on the same images.

    Attributes:
        images: that were looked at.
        only_first, only_second: images that only this model has right.
        p_images: McNemar's exact two-sided p-value, as if every image stood alone.
        p_groups: the same with whole groups changing sides; this one decides.
        error: standard error of the difference of the two shares if the models are equally good.
    """

    images: int
    only_first: int
    only_second: int
    p_images: float
    p_groups: float
    error: float


def mcnemar(first: Right, second: Right, groups: Sequence[str]) -> Discordance:
    """Compare which images two models have right.

    Args:
        first: whether the first has an image right, bool [N].
        second: whether the second has.
        groups: of each image, length N.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    apart = only_first + only_second
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    net = np.bincount(place, weights=second.astype(float) - first.astype(float), minlength=len(names)).round().astype(np.int64)
    return Discordance(
        images=len(first),
        only_first=only_first,
        only_second=only_second,
        p_images=float(binomtest(only_first, apart, 0.5).pvalue) if apart else 1.0,
        p_groups=sign_flip(net),
        error=float(np.sqrt((net**2).sum()) / len(first)),
    )


def sign_flip(net: npt.NDArray[np.int64]) -> float:
    """Return the chance of a sum at least as far from 0 if each summand's sign is a coin's: two-sided, exact.

    >>> sign_flip(np.array([2, -1]))  # sums -3, -1, 1, 3; at least 1 away from 0: all
    1.0
    >>> sign_flip(np.array([1, 1, 1]))  # 2 of 8
    0.25
    """
    sizes = np.abs(net[net != 0])
    chances = np.ones(1)
    for size in sizes.tolist():  # chances[k]: of the sum -total + 2k so far
        step = np.zeros(size + 1)
        step[0] = step[size] = 0.5
        chances = np.convolve(chances, step)
    sums = 2 * np.arange(len(chances)) - int(sizes.sum())
    return min(1.0, float(chances[np.abs(sums) >= abs(int(net.sum()))].sum()))
