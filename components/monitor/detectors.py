"""The detectors, on arrays: has a column changed between the reference and the current window, by how much, and in which rows.

Each turns its column into features [rows, F] whose sums over the rows of one side decide its statistic, so that thousands of
dealings of all detectors are one product of matrices (`components.monitor.familywise`):

    numbers     is the value at most this edge?        largest gap: the Kolmogorov-Smirnov distance
    categories  is it this category?                   chi-square
    embeddings  a map of the reduced embedding         squared distance of the means: the maximum mean discrepancy

Beside it stand an effect in [0, 1] that reads alike for all of them (0 the same, 1 apart altogether), and a signal: for every
current row how far it departs the way the column has changed, in units of the reference's standard deviation. The signal in order
of time tells when a change began (`components.monitor.onset`), its largest values which images show it.
"""

from dataclasses import dataclass

import numpy as np

from components.monitor.embeddings import energy_coefficient, kernel_features, toward
from components.monitor.familywise import Floats, Singles
from components.monitor.pairs import Pair

BINS = 32
"""Steps at which two distributions are compared; with no more distinct values than that, at every value."""
_MOVED = 0.2
"""Standard deviations of the reference by which the middle must lie elsewhere for a change to have a direction."""


@dataclass(frozen=True)
class Detection:
    """One detector, ready for any dealing.

    Attributes:
        features: float32 [N, F], reference first; 0 in rows without a value.
        present: float32 [N], 1 in rows with a value.
        weights: of the squared differences, float [F]; None takes the largest difference.
        effect: size of the difference, in [0, 1].
        signal: departure of each current row, float [m], 0 in rows without a value.
        departure: the same as a distance instead of a membership where values have an order, positive the way the window moved.
    """

    features: Singles
    present: Singles
    weights: Floats | None
    effect: float
    signal: Floats
    departure: Floats

    def statistic(self, sums: Singles, counts: Singles, totals: Floats, values: float) -> Floats:
        """Return the statistic of dealings.

        Args:
            sums: of the features on the current side of each dealing, [B, F].
            counts: of the values there, [B].
            totals: sums of the features on both sides, [F].
            values: their count.
        """
        m = counts.astype(np.float64)
        n = values - m
        both = (m > 0) & (n > 0)
        n, m = np.where(both, n, 1.0), np.where(both, m, 1.0)
        differences = sums * (1 / n + 1 / m).astype(np.float32)[:, None] - (totals / n[:, None]).astype(np.float32)
        scale = n * m / (n + m)
        if self.weights is None:
            found = np.abs(differences).max(axis=1) * np.sqrt(scale)
        else:
            found = (differences**2) @ self.weights.astype(np.float32) * scale
        return np.where(both, found, 0.0)

    def observed(self, current: int, design_effect: float) -> float:
        """Return the statistic of the real dealing, the last `current` rows, corrected for images that come in groups."""
        features, present = self.features[-current:], self.present[-current:]
        sums = features.sum(axis=0, dtype=np.float64).astype(np.float32)
        counts = np.array([present.sum()], dtype=np.float32)
        totals, values = self.features.sum(axis=0, dtype=np.float64), float(self.present.sum(dtype=np.float64))
        value = float(self.statistic(sums[None], counts, totals, values)[0])
        return value / (np.sqrt(design_effect) if self.weights is None else design_effect)


def detect(pair: Pair, reference: int, current: int, *, seed: int) -> Detection:
    """Make the detector of a column.

    Args:
        pair: its values.
        reference: rows of the reference table.
        current: rows of the current table.
        seed: of the map of embeddings.
    """
    if pair.column.kind == "number":
        features, signal, effect = _numbers(pair)
        weights, departure = None, _away(pair)
    elif pair.column.kind == "category":
        features, signal, effect = _categories(pair)
        weights = len(features) / features.sum(axis=0, dtype=np.float64)
        departure = signal if signal.mean() >= 0 else -signal
    else:
        before, now = pair.reference.astype(np.float32), pair.current.astype(np.float32)
        features, effect = kernel_features(before, now, seed=seed), energy_coefficient(before, now, seed=seed)
        signal, weights = toward(before, now), np.ones(features.shape[1])
        departure = signal
    rows = np.concatenate([pair.reference_rows, reference + pair.rows])
    spread = np.zeros((reference + current, features.shape[1]), dtype=np.float32)
    spread[rows] = features
    present = np.zeros(reference + current, dtype=np.float32)
    present[rows] = 1
    signals = np.zeros((2, current))
    signals[:, pair.rows] = signal, departure
    return Detection(spread, present, weights, effect, signals[0], signals[1])


def _numbers(pair: Pair) -> tuple[Singles, Floats, float]:
    n = len(pair.reference)
    values = np.concatenate([pair.reference, pair.current]).astype(np.float64)
    edges = np.unique(values)
    if len(edges) > BINS:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:], method="lower"))
    below = (values[:, None] <= edges).astype(np.float32)
    gaps = np.abs(below[:n].mean(axis=0, dtype=np.float64) - below[n:].mean(axis=0, dtype=np.float64))
    step = int(gaps.argmax())
    return below, share_signal(below[:n, step], below[n:, step]), float(gaps[step])


def _categories(pair: Pair) -> tuple[Singles, Floats, float]:
    n = len(pair.reference)
    names, codes = np.unique(np.concatenate([pair.reference, pair.current]), return_inverse=True)
    members = np.eye(len(names), dtype=np.float32)[codes]
    changes = np.abs(members[n:].mean(axis=0, dtype=np.float64) - members[:n].mean(axis=0, dtype=np.float64))
    most = int(changes.argmax())
    return members, share_signal(members[:n, most], members[n:, most]), float(changes.sum() / 2)


def _away(pair: Pair) -> Floats:
    """Return how far each current number lies the way their middle moved, or to either side where only their spread did."""
    before, now = pair.reference.astype(np.float64), pair.current.astype(np.float64)
    low, middle, high = np.quantile(before, [0.16, 0.5, 0.84])
    away = (now - middle) / max((high - low) / 2, 1e-6 * abs(middle), 1e-12)
    moved = float(np.median(away))
    return np.asarray(np.abs(away) if abs(moved) < _MOVED else away * np.sign(moved))


def share_signal(reference: Singles, current: Singles) -> Floats:
    """Score membership of a set (0 or 1) against its share in the reference, in standard deviations of a single row."""
    share = float(np.clip(reference.mean(), 0.5 / len(reference), 1 - 0.5 / len(reference)))
    return np.asarray((current - share) / np.sqrt(share * (1 - share)), dtype=np.float64)
