"""The bootstrap over groups: how far a metric would move on other patients.

Images of one group (a patient, a slide, a near-duplicate cluster) resemble each other, so groups are drawn, not images
(cluster bootstrap; Davison and Hinkley 1997, 3.8). A resample in which a class has no image has no AUC: it is drawn again, and
counted. The interval is therefore that of test sets which hold every class.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from components.domain.errors import InputError
from components.domain.metrics import Floats, Ints
from components.domain.report import Interval

LOW, HIGH = 2.5, 97.5
"""Percentiles of a 95 % interval."""
_CELLS = 1_000_000  # weights held at a time: 8 MB, whatever the size of the split
_ATTEMPTS = 200


@dataclass(frozen=True)
class Bootstrapped:
    """Metrics with their intervals, the number of resamples, and how many more were drawn again because they lacked a class."""

    intervals: dict[str, Interval]
    draws: int
    redrawn: int


@dataclass(frozen=True)
class Resampled:
    """Metrics on the whole split and on every resample (float64 [draws]), by name; how many resamples were drawn again."""

    values: dict[str, float]
    drawn: dict[str, Floats]
    redrawn: int

    @property
    def intervals(self) -> dict[str, Interval]:
        """Each metric with its 95 % percentile interval."""
        ends = {name: np.percentile(drawn, (LOW, HIGH)) for name, drawn in self.drawn.items()}
        return {name: Interval(value, float(ends[name][0]), float(ends[name][1])) for name, value in self.values.items()}


class Resamples:
    """Draws of groups with replacement, as weights of images.

    Attributes:
        redrawn: how many resamples lacked a class so far and were drawn again.
    """

    def __init__(self, groups: Sequence[str], labels: Ints, *, draws: int, seed: int) -> None:
        if draws < 1:
            raise InputError(f"a bootstrap needs at least 1 draw, but got {draws}; ask for 1000")
        names, self._place = np.unique(np.asarray(groups), return_inverse=True)
        self._groups, self._draws, self._seed = len(names), draws, seed
        self._holds = np.zeros((self._groups, int(labels.max()) + 1))
        np.add.at(self._holds, (self._place, labels), 1)
        self.redrawn = 0

    def __iter__(self) -> Iterator[Floats]:
        """Yield weights in blocks, float64 [b, N], `draws` rows in all."""
        generator = np.random.default_rng(self._seed)
        even = np.full(self._groups, 1 / self._groups)
        block = max(1, _CELLS // max(len(self._place), self._groups))
        left, attempts = self._draws, 0
        while left:
            counts = generator.multinomial(self._groups, even, size=min(block, left))
            complete = ((counts @ self._holds) > 0).all(axis=1)
            self.redrawn += int((~complete).sum())
            attempts = 0 if complete.any() else attempts + 1
            if attempts > _ATTEMPTS:
                raise InputError(
                    f"resamples of the {self._groups} groups must hold every class, but {self.redrawn} in a row did not; use a larger split"
                )
            counts = counts[complete]
            left -= len(counts)
            if len(counts):
                yield counts[:, self._place].astype(np.float64)


def bootstrap(
    measure: Callable[[Floats], dict[str, Floats]], groups: Sequence[str], *, labels: Ints, draws: int = 1000, seed: int = 0
) -> Bootstrapped:
    """Measure with every image counted once, and give each metric its 95 % percentile interval; arguments as `resample`.

    Raises:
        InputError: if the split is too small to resample.
    """
    found = resample(measure, groups, labels=labels, draws=draws, seed=seed)
    return Bootstrapped(found.intervals, draws, found.redrawn)


def resample(
    measure: Callable[[Floats], dict[str, Floats]], groups: Sequence[str], *, labels: Ints, draws: int = 1000, seed: int = 0
) -> Resampled:
    """Measure with every image counted once, and on every resample of the groups.

    Args:
        measure: takes weights, float64 [B, N], and returns float64 [B] for each metric.
        groups: of each image, length N.
        labels: class index of each image, int64 [N]; no class may be missing.
        draws: number of resamples.
        seed: of the draws.

    Raises:
        InputError: if the split is too small to resample.
    """
    values = measure(np.ones((1, len(labels))))
    resamples = Resamples(groups, labels, draws=draws, seed=seed)
    blocks = [measure(weights) for weights in resamples]
    drawn = {name: np.concatenate([block[name] for block in blocks]) for name in values}
    return Resampled({name: float(value[0]) for name, value in values.items()}, drawn, resamples.redrawn)
