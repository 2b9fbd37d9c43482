"""The detectors, on arrays: has a column changed between the reference and the current window, by how much, and in which rows.

Each gives a p-value (`components.monitor.resampling`), an effect in [0, 1] that reads alike for all of them (0 the same, 1
apart altogether), and a signal: for every current row how far it departs the way the column has changed, in units of the
reference's standard deviation. The signal in order of time tells when a change began (`components.monitor.onset`).

Statistics are divided by the design effect (`components.monitor.groups`), the Kolmogorov-Smirnov distance by its root; the
effect and the signal are not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.monitor.resampling import Floats, Integers, deal_counts, deal_rows, sequential_p_value

BINS = 64
"""Steps at which two distributions are compared; with no more distinct values than that, at every value."""
EMBEDDINGS = 500
"""Embeddings compared on each side: the cost grows with the square."""


@dataclass(frozen=True)
class Comparison:
    """What one detector found.

    Attributes:
        p_value: chance of so large a difference if nothing has drifted, in (0, 1].
        effect: size of the difference, in [0, 1].
        signal: departure of each current row, float [m], in order of the rows.
    """

    p_value: float
    effect: float
    signal: Floats


def compare_numbers(reference: Floats, current: Floats, *, most: int, rng: np.random.Generator, design_effect: float = 1.0) -> Comparison:
    """Compare two samples of a number by the Kolmogorov-Smirnov distance; the effect is that distance.

    Args:
        reference: finite values, float [n].
        current: finite values, float [m].
        most: dealings at most.
        rng: source of chance.
        design_effect: at least 1; 1 for independent images.
    """
    edges = np.unique(np.concatenate([reference, current]))
    if len(edges) > BINS:
        edges = np.unique(np.quantile(np.concatenate([reference, current]), np.linspace(0, 1, BINS + 1)[1:], method="lower"))
    codes, reference_codes = np.searchsorted(edges, current), np.searchsorted(edges, reference)
    counts = np.bincount(codes, minlength=len(edges)).astype(np.int64)
    totals = counts + np.bincount(reference_codes, minlength=len(edges)).astype(np.int64)
    n, m = len(reference), len(current)
    expected = m * np.cumsum(totals)

    def gaps(dealt: Integers) -> Integers:
        return np.asarray(np.abs((n + m) * np.cumsum(dealt, axis=-1) - expected))  # n * m times the KS distance, in whole numbers

    dealer = deal_counts(totals, m, rng)
    observed = gaps(counts)
    statistic = float(observed.max()) / math.sqrt(design_effect)
    p_value = sequential_p_value(statistic, lambda count: gaps(dealer(count)).max(axis=1).astype(np.float64), most)
    step = int(observed.argmax())
    return Comparison(p_value, float(observed.max() / (n * m)), _share_signal(reference_codes <= step, codes <= step))


def compare_categories(
    reference: Sequence[str], current: Sequence[str], *, most: int, rng: np.random.Generator, design_effect: float = 1.0
) -> Comparison:
    """Compare two samples of a category by the chi-square statistic; the effect is the total variation distance.

    Args:
        reference: one category a row, [n].
        current: one category a row, [m].
        most: dealings at most.
        rng: source of chance.
        design_effect: at least 1; 1 for independent images.
    """
    names, codes = np.unique(np.concatenate([np.asarray(reference, dtype=str), np.asarray(current, dtype=str)]), return_inverse=True)
    n, m = len(reference), len(current)
    counts = np.bincount(codes[n:], minlength=len(names)).astype(np.int64)
    totals = np.bincount(codes, minlength=len(names)).astype(np.int64)
    expected = totals * (m / (n + m))

    def chi_square(dealt: Integers) -> Floats:
        return np.asarray(((dealt - expected) ** 2 / expected).sum(axis=-1))

    dealer = deal_counts(totals, m, rng)
    observed = float(chi_square(counts)) / design_effect
    p_value = sequential_p_value(observed * (1 - 1e-9), lambda count: chi_square(dealer(count)), most)
    change = counts / m - (totals - counts) / n
    most_changed = int(np.abs(change).argmax())
    return Comparison(p_value, float(np.abs(change).sum() / 2), _share_signal(codes[:n] == most_changed, codes[n:] == most_changed))


def compare_embeddings(
    reference: npt.NDArray[np.float32],
    current: npt.NDArray[np.float32],
    *,
    most: int,
    rng: np.random.Generator,
    design_effect: float = 1.0,
) -> Comparison:
    """Compare two samples of embeddings by the energy distance between unit vectors (Szekely and Rizzo, 2013).

    It is 0 only for equal distributions, needs no bandwidth and no reduction fitted on one side, which would spoil the
    p-value. The effect is the energy coefficient, the distance over twice the mean distance between the sides.

    Args:
        reference: float32 [n, D].
        current: float32 [m, D].
        most: dealings at most.
        rng: source of chance.
        design_effect: at least 1; 1 for independent images.
    """
    reference, current = _unit(reference), _unit(current)
    some_reference, some_current = _some(reference, rng), _some(current, rng)
    pooled = np.concatenate([some_reference, some_current])
    n, m = len(some_reference), len(some_current)
    distances = np.sqrt(np.maximum(2 - 2 * (pooled @ pooled.T), 0))
    np.fill_diagonal(distances, 0)
    row_sums = distances.sum(axis=1, dtype=np.float64)

    def energy(labels: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
        within_current = np.einsum("ij,ij->i", labels @ distances, labels).astype(np.float64)
        of_current = labels @ row_sums
        between = (of_current - within_current) / (n * m)
        within_reference = row_sums.sum() - 2 * of_current + within_current
        return 2 * between - within_current / m**2 - within_reference / n**2, between

    observed, between = energy(np.repeat(np.array([0, 1], dtype=np.float32), [n, m])[None])
    dealer = deal_rows(n + m, m, rng)
    p_value = sequential_p_value(float(observed[0]) / design_effect * (1 - 1e-6), lambda count: energy(dealer(count))[0], most)
    effect = float(np.clip(observed[0] / (2 * between[0]), 0, 1)) if between[0] > 0 else 0.0
    direction = some_current.mean(axis=0) - some_reference.mean(axis=0)
    before = reference @ direction
    signal = (current @ direction - before.mean()) / max(float(before.std()), 1e-12)
    return Comparison(p_value, effect, signal.astype(np.float64))


def _share_signal(reference: npt.NDArray[np.bool_], current: npt.NDArray[np.bool_]) -> Floats:
    """Score membership of a set against its share in the reference, in standard deviations of a single row."""
    share = np.clip(reference.mean(), 0.5 / len(reference), 1 - 0.5 / len(reference))
    return np.asarray((current - share) / np.sqrt(share * (1 - share)))


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def _some(vectors: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    if len(vectors) <= EMBEDDINGS:
        return vectors
    return vectors[rng.choice(len(vectors), EMBEDDINGS, replace=False)]
