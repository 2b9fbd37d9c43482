"""Sides for groups: a seeded hash of each group decides, and only what that leaves too far from its share is moved.

A group's draw depends on its name and the seed alone, so most groups keep their side whatever is added, on any machine, without
any memory. The law of large numbers does the stratifying where there are thousands of groups; where there are few, single groups
(those whose draw lies nearest to the other side first) are moved until every class is within `TOLERANCE` of its share on every side.
Sides that are given (`fixed`) never change.
"""

import hashlib

import numpy as np
import numpy.typing as npt

TOLERANCE = 0.05
"""A class's count on a side may differ from its share by this part of the share; below it nothing is moved."""
EMPTY = 1e6
"""Cost of a class that misses a side: above everything else."""
ATTEMPTS = 25
SWAPPED = 400
"""So many groups at most are tried in pairs when no single move helps."""

Counts = npt.NDArray[np.int64]
Sides = npt.NDArray[np.int64]


def draws(names: list[str], *, seed: int, purpose: str = "split") -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for each name: float64 [n], from the SHA-256 of purpose, seed and name."""
    digests = (hashlib.sha256(f"{purpose}\0{seed}\0{name}".encode()).digest() for name in names)
    return np.array([int.from_bytes(digest[:8]) / 2**64 for digest in digests], dtype=np.float64)


def assign(counts: Counts, shares: npt.NDArray[np.float64], drawn: npt.NDArray[np.float64], fixed: Sides) -> Sides | None:
    """Choose a side for each group.

    Args:
        counts: images of each group and class, int64 [groups, classes].
        shares: of the sides, float64 [sides], sum 1.
        drawn: number of each group in [0, 1) (`draws`).
        fixed: side of each group that has one already, -1 for the others; int64 [groups].

    Returns:
        int64 [groups], or None where no assignment was found that has every class on every side.
    """
    edges = np.cumsum(shares)[:-1]
    for attempt in range(ATTEMPTS):
        number = drawn if attempt == 0 else np.random.default_rng(attempt).permutation(drawn)
        side = np.where(fixed >= 0, fixed, np.searchsorted(edges, number, side="right"))
        _improve(counts, shares, side, number, free=fixed < 0)
        if _present(counts, side, len(shares)).all():
            return side
    return None


def _present(counts: Counts, side: Sides, sides: int) -> npt.NDArray[np.bool_]:
    """Tell which class lies on which side: bool [sides, classes]."""
    return np.stack([(counts[side == number] > 0).any(axis=0) for number in range(sides)])


class _Ledger:
    """What lies where, and what it costs: the squared excess over the tolerance, in shares, and `EMPTY` a missing class."""

    def __init__(self, counts: Counts, shares: npt.NDArray[np.float64], side: Sides) -> None:
        self.counts, self.target = counts, shares[:, None] * counts.sum(axis=0)[None, :]
        self.held = np.zeros_like(self.target)
        np.add.at(self.held, side, counts)
        self.scale = np.maximum(self.target, 1e-9) * counts.sum(axis=0)[None, :]

    def cost(self, number: int, held: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the cost of a side that held this: float [..., classes] -> float [...]."""
        target = self.target[number]
        excess = np.maximum(np.abs(held - target) - TOLERANCE * target, 0)
        return np.asarray((excess**2 / self.scale[number] + EMPTY * (held < 0.5)).sum(axis=-1))

    def gains(self, rows: npt.NDArray[np.int64], source: int, to: int) -> npt.NDArray[np.float64]:
        """Return what moving each of these groups from one side to another saves: float [rows]."""
        moved = self.counts[rows]
        before = self.cost(source, self.held[source]) + self.cost(to, self.held[to])
        return np.asarray(before - self.cost(source, self.held[source] - moved) - self.cost(to, self.held[to] + moved))

    def move(self, row: int, source: int, to: int) -> None:
        """Take a group from one side to another."""
        self.held[source] -= self.counts[row]
        self.held[to] += self.counts[row]


def _improve(
    counts: Counts, shares: npt.NDArray[np.float64], side: Sides, drawn: npt.NDArray[np.float64], *, free: npt.NDArray[np.bool_]
) -> None:
    """Move the free groups that help most, one at a time, then two against each other, until nothing helps; changes `side`."""
    ledger = _Ledger(counts, shares, side)
    numbers = range(len(shares))
    for _ in range(4 * len(side)):
        best, step = 1e-12, None
        for source in numbers:
            rows = np.flatnonzero(free & (side == source))
            if not len(rows):
                continue
            for to in numbers:
                if to == source:
                    continue
                gains = ledger.gains(rows, source, to)
                near = rows[np.isclose(gains, gains.max(), rtol=1e-6, atol=1e-15)]
                if gains.max() > best * (1 + 1e-6):
                    edge = np.cumsum(shares)[min(source, to)]
                    best, step = float(gains.max()), (int(near[np.argmin(np.abs(drawn[near] - edge))]), source, to)
        if step is None and not _swap(ledger, side, free, len(shares)):
            return
        if step is not None:
            row, source, to = step
            ledger.move(row, source, to)
            side[row] = to


def _swap(ledger: _Ledger, side: Sides, free: npt.NDArray[np.bool_], sides: int) -> bool:
    """Exchange the two groups of two sides that help most; tell whether any do."""
    best, found = 1e-12, None
    for one in range(sides):
        for other in range(one + 1, sides):
            left, right = (np.flatnonzero(free & (side == number))[:SWAPPED] for number in (one, other))
            if not len(left) or not len(right):
                continue
            change = ledger.counts[right][None, :, :] - ledger.counts[left][:, None, :]
            before = ledger.cost(one, ledger.held[one]) + ledger.cost(other, ledger.held[other])
            gains = before - ledger.cost(one, ledger.held[one] + change) - ledger.cost(other, ledger.held[other] - change)
            if gains.max() > best:
                best = float(gains.max())
                place = np.unravel_index(int(gains.argmax()), gains.shape)
                found = int(left[place[0]]), int(right[place[1]]), one, other
    if found is None:
        return False
    first, second, one, other = found
    ledger.move(first, one, other)
    ledger.move(second, other, one)
    side[first], side[second] = other, one
    return True
