"""One alarm for all detectors together: which images are reference and which are current is dealt out anew many times, for all at once.

If nothing has drifted, every dealing is as likely as the real one, so P(p <= t) <= t holds for any sizes of the windows, ties
included; no asymptotics. Every dealing is judged by all detectors, so their joint chance of a false alarm is known as it is,
however they hang together; Bonferroni's bound would give most of it away. (Westfall and Young, Resampling-Based Multiple Testing,
1993, 2.3: the smallest p-value of all detectors is compared with the smallest ones of the dealings.)

Dealing presumes that images come independently; where they do not, but in patients, `components.monitor.groups` tells what to do.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PER_ALARM = 100
"""Dealings for each one that may reach an alarm: for a chance of 0.01, 9,999 dealings."""
FIRST = 500
"""After so many dealings a plainly harmless window is known to be one."""
HARMLESS = 0.2
"""A chance of at least this, after the first dealings, ends them."""
_CHUNK = 500

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chances:
    """Chances of what was observed if nothing has drifted.

    Attributes:
        alone: of each detector by itself, float [J].
        corrected: that any of all detectors is as surprising as this one, float [J].
    """

    alone: Floats
    corrected: Floats


def dealings(alpha: float) -> int:
    """Return how many dealings resolve a joint chance of alpha."""
    return math.ceil(PER_ALARM / alpha) - 1


def deal(observed: Floats, statistics: Callable[[Singles], Floats], *, rows: int, current: int, most: int, seed: int) -> Chances:
    """Compare the observed statistics with those of dealings.

    Args:
        observed: one statistic a detector, the larger the more surprising, float [J].
        statistics: of dealings, float32 [B, rows] with 1 where a row falls to the current side, else 0 -> float [B, J].
        rows: of both sides.
        current: rows of the current side.
        most: dealings at most.
        seed: of the dealings.
    """
    rng = np.random.default_rng(seed)
    parts = [statistics(labels(rng, min(_CHUNK, FIRST, most), rows, current))]
    if len(parts[0]) < most:
        chances = joint_chances(observed, parts[0])
        if chances.corrected.min() >= HARMLESS:
            return chances
    done = len(parts[0])
    while done < most:
        parts.append(statistics(labels(rng, min(_CHUNK, most - done), rows, current)))
        done += len(parts[-1])
    return joint_chances(observed, np.concatenate(parts))


def joint_chances(observed: Floats, dealt: Floats) -> Chances:
    """Return the chances of observed statistics [J] among those of dealings [B, J].

    Detectors whose p-values tie, which the finite number of dealings makes likely, are told apart by the next smallest p-value.
    """
    together = np.concatenate([observed[None], dealt])
    total, detectors = together.shape
    ranks = np.empty((total, detectors), dtype=np.int64)  # how many of all are at least as large, 1 for the largest
    for column in range(detectors):
        ordered = np.sort(together[:, column])
        ranks[:, column] = total - np.searchsorted(ordered, together[:, column], side="left")
    smallest = np.sort(ranks, axis=1)[:, :2] if detectors > 1 else np.repeat(ranks, 2, axis=1)
    keys = np.sort(smallest[:, 0] * (total + 1) + smallest[:, 1])
    mine = ranks[0]
    others = np.array([np.delete(mine, each).min() if detectors > 1 else mine[each] for each in range(detectors)])
    corrected = np.searchsorted(keys, mine * (total + 1) + others, side="right") / total
    return Chances(mine / total, np.maximum(corrected, 1 / total))


def labels(rng: np.random.Generator, count: int, rows: int, current: int) -> Singles:
    """Deal `current` of `rows` to the current side: float32 [count, rows] of 0 and 1."""
    places = rng.random((count, rows), dtype=np.float32)
    chosen = np.argpartition(places, current - 1, axis=1)[:, :current]
    found = np.zeros((count, rows), dtype=np.float32)
    found.ravel()[(chosen + rows * np.arange(count)[:, None]).ravel()] = 1
    return found
