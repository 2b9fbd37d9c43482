"""Exact two-sample p-values by resampling: which images are reference and which are current is dealt out anew many times.

If nothing has drifted, every dealing is as likely as the real one, so P(p <= t) <= t holds for any sample size, ties
included; no asymptotics. Dealing presumes that images come independently; that they do not, but in patients, is made up for
beforehand, in the observed statistic (`components.monitor.groups`).

A plainly harmless p-value needs few dealings: they stop when `ENOUGH` have reached the observed statistic, and
p = ENOUGH / dealings is still valid (Besag and Clifford, Biometrika 78 (1991) 301).
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

ENOUGH = 20
PER_THRESHOLD = 10
"""Dealings for each one that may reach the statistic at the threshold of one detector."""
_CHUNK = 2000

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def resamples(alpha: float, detectors: int) -> int:
    """Return how many dealings resolve a p-value of alpha / detectors: for 0.01 and 16 detectors, 15,999."""
    return math.ceil(PER_THRESHOLD * detectors / alpha) - 1


def sequential_p_value(observed: float, draw: Callable[[int], Floats], most: int) -> float:
    """Return the chance of a statistic as large as the observed one.

    Args:
        observed: the statistic of the data.
        draw: returns the statistics of that many dealings, float [n].
        most: dealings at most.

    Returns:
        A p-value in (0, 1], at least 1 / (most + 1).
    """
    hits = done = 0
    while done < most:
        count = min(_CHUNK if done else ENOUGH * 10, most - done)
        reached = np.flatnonzero(draw(count) >= observed)
        if hits + len(reached) >= ENOUGH:
            return float(ENOUGH / (done + reached[ENOUGH - hits - 1] + 1))
        hits += len(reached)
        done += count
    return (hits + 1) / (most + 1)


def deal_counts(totals: Integers, current: int, rng: np.random.Generator) -> Callable[[int], Integers]:
    """Return a dealer of counts: `dealer(n)` gives int [n, K], how many of each kind fall to the current side.

    Dealing counts instead of rows costs the same for a hundred images as for a million.

    Args:
        totals: rows of each kind on both sides together, int [K].
        current: rows of the current side.
        rng: source of chance.
    """
    return lambda count: rng.multivariate_hypergeometric(totals, current, size=count, method="marginals").astype(np.int64)


def deal_rows(rows: int, current: int, rng: np.random.Generator) -> Callable[[int], npt.NDArray[np.float32]]:
    """Return a dealer of rows: `dealer(n)` gives float32 [n, rows], 1 where a row falls to the current side, else 0."""

    def dealer(count: int) -> npt.NDArray[np.float32]:
        places = rng.random((count, rows), dtype=np.float64)
        last = np.partition(places, current - 1, axis=1)[:, current - 1 : current]
        return (places <= last).astype(np.float32)

    return dealer
