"""Breast tissue as two concentration maps: stroma with fibres and clefts, fat, glands, solid nests, and the nuclei of all of them.

The malignancy is a field, so that one slide can hold a tumour beside normal glands. It moves architecture (lumina that close,
rows that break up, nests without a gland) and nuclei (`nuclei.py`); how much epithelium, fat, fibre and inflammation there
is does not depend on it, so no amount of purple gives a label away.
"""

import numpy as np

from components.ingest.sample.epithelium import Structure, Tissue, paint_epithelium, place_structures
from components.ingest.sample.fields import Field, Outline, fibre_field, polar_around, smooth_field, soft_step, window_around
from components.ingest.sample.nuclei import Nuclei, Numbers, join, lay, plain

NUCLEUS = 3.9
"""Radius of a regular epithelial nucleus in pixels."""


def paint_tissue(rng: np.random.Generator, malignancy: Field, *, magnification: float) -> Tissue:
    """Paint a piece of tissue.

    Args:
        rng: source of everything that varies.
        malignancy: in [0, 1] at each pixel, [h, w].
        magnification: scale of all structures; 1 makes regular nuclei 8 pixels wide.

    Returns:
        Concentrations of the same shape.
    """
    shape = (malignancy.shape[0], malignancy.shape[1])
    tissue, angle = _stroma(rng, shape)
    _fat(rng, tissue, shape, magnification)
    radius = NUCLEUS * magnification
    structures = place_structures(rng, malignancy, magnification)
    cells = [paint_epithelium(rng, tissue, structure, nucleus=radius) for structure in structures]
    nuclei = join([_stromal_nuclei(rng, tissue, structures, angle, radius), *cells])
    lay(nuclei, tissue.haematoxylin, tissue.eosin, smooth_field(rng, shape, 1.7), rng)
    return tissue


def _stroma(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Tissue, Field]:
    """Return collagen with its fibres' direction at each pixel."""
    y, x = (grid.astype(np.float32) for grid in np.mgrid[: shape[0], : shape[1]])
    theta = rng.uniform(0, np.pi)
    waviness = rng.uniform(2.5, 8)
    bend = waviness * smooth_field(rng, shape, 38.0) + 0.4 * waviness * smooth_field(rng, shape, 13.0)
    u = np.float32(np.cos(theta)) * x + np.float32(np.sin(theta)) * y
    v = np.float32(np.cos(theta)) * y - np.float32(np.sin(theta)) * x + bend
    fine = fibre_field(u, v, rng, along=9.0, across=1.6)
    bundle = fibre_field(u, v, rng, along=24.0, across=5.0)
    patch = smooth_field(rng, shape, 30.0)
    eosin = 0.52 + 0.10 * fine + 0.10 * bundle + 0.09 * patch
    cleft = soft_step(bundle + 0.45 * fine + 0.5 * patch - np.float32(rng.uniform(1.2, 2.3)), 0.28)
    eosin = np.clip(eosin, 0.12, 1.2) * (1 - 0.92 * cleft)
    haematoxylin = np.clip(0.07 + 0.03 * fine + 0.03 * patch, 0, 1) * (1 - cleft)
    gy, gx = np.gradient(v)
    return Tissue(haematoxylin.astype(np.float32), eosin.astype(np.float32)), np.arctan2(gx, -gy).astype(np.float32)


def _fat(rng: np.random.Generator, tissue: Tissue, shape: tuple[int, int], magnification: float) -> None:
    """Cut fat cells into the stroma: round, empty, with a thin wall; in about a third of the places."""
    lobes = rng.poisson(0.38 * max(1.0, shape[0] * shape[1] / 128**2))
    for _ in range(lobes):
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        for _ in range(rng.integers(3, 10)):
            outline = Outline(
                rng, radius=rng.uniform(8, 17) * magnification, aspect=rng.uniform(1, 1.35), angle=rng.uniform(0, np.pi), rough=0.05
            )
            y, x = cy + rng.normal(0, 24 * magnification), cx + rng.normal(0, 24 * magnification)
            window = window_around(shape, y, x, outline.reach)
            distance, theta = polar_around(window, y, x)
            if distance.size == 0:
                continue
            inside = (distance - outline.at(theta)).astype(np.float32)
            hole = 1 - soft_step(inside + 1.4, 0.8)
            wall = np.exp(-((inside / 1.2) ** 2))
            for field, level in ((tissue.eosin, 0.34), (tissue.haematoxylin, 0.08)):
                field[window] *= 1 - 0.97 * hole
                field[window] = np.maximum(field[window], level * wall)


def _stromal_nuclei(rng: np.random.Generator, tissue: Tissue, structures: list[Structure], angle: Field, radius: float) -> Nuclei:
    """Scatter fibroblasts along the fibres, outside glands, and lymphocytes in a loose crowd that may be there or not."""
    shape = (angle.shape[0], angle.shape[1])
    area = shape[0] * shape[1] / 128**2
    y, x = _scatter(rng, shape, rng.poisson(13 * area))
    keep = tissue.eosin[y.astype(int), x.astype(int)] > 0.3
    for each in structures:
        keep &= np.hypot(y - each.y, x - each.x) > each.outline.at(np.arctan2(y - each.y, x - each.x))
    y, x = y[keep], x[keep]
    spindle = plain(rng, y, x, angle[y.astype(int), x.astype(int)], radius=0.62 * radius, aspect=2.9, dye=0.95)
    crowds = [spindle]
    for _ in range(rng.poisson(0.45 * area)):
        count = int(rng.integers(6, 26))
        cy, cx = rng.uniform(0, shape[0] - 1), rng.uniform(0, shape[1] - 1)
        spread = rng.uniform(7, 16)
        y = np.clip(rng.normal(cy, spread, count), 0, shape[0] - 1).astype(np.float32)
        x = np.clip(rng.normal(cx, spread, count), 0, shape[1] - 1).astype(np.float32)
        crowds.append(plain(rng, y, x, np.zeros(count, np.float32), radius=0.66 * radius, aspect=1.08, dye=1.3))
    return join(crowds)


def _scatter(rng: np.random.Generator, shape: tuple[int, int], count: int) -> tuple[Numbers, Numbers]:
    return rng.uniform(0, shape[0] - 1, count).astype(np.float32), rng.uniform(0, shape[1] - 1, count).astype(np.float32)
