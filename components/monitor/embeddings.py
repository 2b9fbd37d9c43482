"""Embeddings as the detectors see them: of length 1, reduced, mapped so that a distance of means tells distributions apart.

The reduction is a random projection (Johnson and Lindenstrauss, 1984), the same for every window and fitted on none: a reduction
fitted on the reference would describe it better than any new image, and every window would look drifted.
"""

import numpy as np

from components.monitor.familywise import Floats, Singles

REDUCED = 64
"""Dimensions that are left of wider embeddings; distances between images are kept within about a tenth."""
COMPARED = 500
"""Embeddings whose distances to each other are looked at: the cost grows with the square."""
_COMPONENTS = 16
_WAVES = 64


def reduce(vectors: Singles) -> Singles:
    """Scale each row of float32 [n, D] to length 1 and project it to at most `REDUCED` dimensions; zeros stay zeros."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    width = vectors.shape[1]
    if width <= REDUCED:
        return np.asarray(unit, dtype=np.float32)
    projection = np.random.default_rng(width).normal(0, 1 / np.sqrt(REDUCED), (width, REDUCED)).astype(np.float32)
    return np.asarray(unit @ projection, dtype=np.float32)


def kernel_features(reference: Singles, current: Singles, *, seed: int) -> Singles:
    """Map reduced embeddings to features whose means differ where their distributions do: float32 [n + m, F].

    Two parts of equal weight: the leading principal axes of both sides together, whitened, whose means differ when the cloud moves
    (Hotelling, 1931), and random waves over them, which tell any change of shape (Rahimi and Recht, NeurIPS 2007; the squared
    distance of their means estimates the maximum mean discrepancy of Gretton et al., JMLR 13 (2012) 723). Nothing here knows
    which side a row is of, so every dealing is as good as the real one.
    """
    pooled = np.concatenate([reference, current])
    pooled -= pooled.mean(axis=0, dtype=np.float64).astype(np.float32)
    values, axes = np.linalg.eigh((pooled.T @ pooled).astype(np.float64) / len(pooled))
    keep = np.flatnonzero(values > 1e-6 * values[-1])[-_COMPONENTS:]
    white = pooled @ (axes[:, keep] / np.sqrt(values[keep])).astype(np.float32)
    rng = np.random.default_rng(seed)
    waves = white @ (rng.normal(size=(len(keep), _WAVES)) / np.sqrt(len(keep))).astype(np.float32)
    waves = np.concatenate([np.cos(waves), np.sin(waves)], axis=1) * np.float32(np.sqrt(len(keep) / _WAVES))
    return np.concatenate([white, waves], axis=1)


def energy_coefficient(reference: Singles, current: Singles, *, seed: int) -> float:
    """Return how far apart two samples lie, in [0, 1]: the energy distance over twice the mean distance between the sides.

    Source: Szekely and Rizzo, Journal of Statistical Planning and Inference 143 (2013) 1249. Of at most `COMPARED` a side.
    """
    rng = np.random.default_rng(seed)
    some = [side[rng.choice(len(side), COMPARED, replace=False)] if len(side) > COMPARED else side for side in (reference, current)]
    between = distances(some[0], some[1]).mean(dtype=np.float64)
    within = sum(distances(side, side).mean(dtype=np.float64) for side in some)
    return float(np.clip(1 - within / (2 * between), 0, 1)) if between > 0 else 0.0


def toward(reference: Singles, current: Singles) -> Floats:
    """Return how far each current row lies the way the mean moved, in standard deviations of the reference: float [m]."""
    direction = current.mean(axis=0, dtype=np.float64) - reference.mean(axis=0, dtype=np.float64)
    before = reference @ direction
    return np.asarray((current @ direction - before.mean()) / max(float(before.std()), 1e-12), dtype=np.float64)


def distances(one: Singles, other: Singles) -> Singles:
    """Return the distance of each row of [n, D] to each of [m, D]: float32 [n, m]."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)), dtype=np.float32)
