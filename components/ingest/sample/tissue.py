"""Breast tissue as two concentration maps: stroma with fibres and clefts, fat, glands, solid nests, and the nuclei of all of them.

The malignancy is a field, so that one slide can hold a tumour beside normal glands. It moves architecture (lumina that close,
rows that break up, nests without a gland) and nuclei (`nuclei.py`); how much epithelium, fat, fibre and inflammation there
is does not depend on it, so no amount of purple gives a label away.
"""

from dataclasses import dataclass

import numpy as np

from components.ingest.sample.fields import Field, Outline, fibre_field, smooth_field, soft_step
from components.ingest.sample.nuclei import GROWTH, Nuclei, Numbers, epithelial, join, lay, plain

NUCLEUS = 3.9
"""Radius of a regular epithelial nucleus in pixels."""
RETRACTION = 0.65
"""Share of nests with a cleft beside them; without it, tissue without lumina would be less white."""


@dataclass
class Tissue:
    """What the stains bind to: concentrations, float32 [h, w], 0 where there is no tissue."""

    haematoxylin: Field
    eosin: Field


@dataclass(frozen=True)
class _Structure:
    """A gland or a nest: where it lies, its outline, and how malignant it is."""

    y: float
    x: float
    outline: Outline
    malignancy: float
    gland: bool


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
    structures = _place(rng, malignancy, magnification)
    cells = [_epithelium(rng, tissue, structure, radius) for structure in structures]
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


def _window(shape: tuple[int, int], y: float, x: float, reach: float) -> tuple[slice, slice]:
    r = int(reach) + 3
    return slice(max(0, int(y) - r), max(0, min(shape[0], int(y) + r))), slice(max(0, int(x) - r), max(0, min(shape[1], int(x) + r)))


def _polar(window: tuple[slice, slice], y: float, x: float) -> tuple[Field, Field]:
    """Return distance and angle from a point, over a window."""
    dy = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - np.float32(y)
    dx = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - np.float32(x)
    return np.hypot(dy, dx), np.arctan2(dy, dx)


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
            window = _window(shape, y, x, outline.reach)
            distance, theta = _polar(window, y, x)
            if distance.size == 0:
                continue
            inside = (distance - outline.at(theta)).astype(np.float32)
            hole = 1 - soft_step(inside + 1.4, 0.8)
            wall = np.exp(-((inside / 1.2) ** 2))
            for field, level in ((tissue.eosin, 0.34), (tissue.haematoxylin, 0.08)):
                field[window] *= 1 - 0.97 * hole
                field[window] = np.maximum(field[window], level * wall)


def _stromal_nuclei(rng: np.random.Generator, tissue: Tissue, structures: list[_Structure], angle: Field, radius: float) -> Nuclei:
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


def _place(rng: np.random.Generator, malignancy: Field, magnification: float) -> list[_Structure]:
    """Place glands and nests until the share of the area that this piece shall have is covered."""
    height, width = malignancy.shape
    wanted = rng.uniform(0.32, 0.62) * height * width
    margin = 12
    placed: list[_Structure] = []
    for _ in range(int(60 * max(1.0, height * width / 128**2))):
        y, x = rng.uniform(-margin, height + margin), rng.uniform(-margin, width + margin)
        m = float(malignancy[int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))])
        size = rng.uniform(17, 33) * magnification
        gap = (4 - 6 * m) * magnification
        if any((y - other.y) ** 2 + (x - other.x) ** 2 < (0.95 * (size + other.outline.radius) + gap) ** 2 for other in placed):
            continue
        outline = Outline(rng, radius=size, aspect=rng.uniform(1.0, 1.55), angle=rng.uniform(0, np.pi), rough=0.04 + 0.11 * m)
        placed.append(_Structure(y, x, outline, m, bool(rng.random() < 0.88 - 0.62 * m)))
        wanted -= np.pi * size**2 * 0.8
        if wanted <= 0:
            break
    return placed


def _epithelium(rng: np.random.Generator, tissue: Tissue, structure: _Structure, nucleus: float) -> Nuclei:
    """Fill one structure with cytoplasm, open its lumen, and return its nuclei."""
    shape, m = (tissue.eosin.shape[0], tissue.eosin.shape[1]), structure.malignancy
    outline, radius = structure.outline, nucleus * float(np.exp(rng.normal(0, 0.06)))
    layers = 1 + int(rng.random() < 0.35 + 0.3 * m)
    thickness = radius * (1 + GROWTH * m) * (2.5 if layers == 1 else 4.4)
    hollow = structure.gland and outline.radius > thickness + 3
    window = _window(shape, structure.y, structure.x, outline.reach + 5)
    distance, theta = _polar(window, structure.y, structure.x)
    if distance.size:
        edge = outline.at(theta)
        inside = (distance - edge).astype(np.float32)
        cells = 1 - soft_step(inside, 1.0)
        mottle = smooth_field(rng, (distance.shape[0], distance.shape[1]), 3.5)
        cytoplasm = np.clip(rng.uniform(0.36, 0.5) + 0.07 * mottle, 0.1, 1)
        basophil = np.clip(rng.uniform(0.10, 0.22) + 0.04 * mottle, 0, 1)
        wall = (1 - 0.75 * m) * np.exp(-(((inside - 1.6) / 1.3) ** 2))
        tissue.eosin[window] += cells * (cytoplasm - tissue.eosin[window]) + 0.28 * wall * (tissue.eosin[window] > 0.15)
        tissue.haematoxylin[window] += cells * (basophil - tissue.haematoxylin[window])
        if not hollow and rng.random() < RETRACTION:  # shrinkage pulls a nest off its bed on one side
            facing = soft_step((np.cos(theta - rng.uniform(0, 2 * np.pi)) - np.float32(rng.uniform(-0.3, 0.4))).astype(np.float32), 0.3)
            gap = np.float32(rng.uniform(2.0, 5.5)) * facing
            bare = soft_step(inside - 0.5, 0.7) * (1 - soft_step(inside - 0.5 - gap, 0.7)) * soft_step(gap - 0.8, 0.4)
            tissue.eosin[window] *= 1 - 0.95 * bare
            tissue.haematoxylin[window] *= 1 - 0.95 * bare
        if hollow:
            wobble = (0.8 + 2.6 * m) * smooth_field(rng, (distance.shape[0], distance.shape[1]), 7.0)
            lumen = 1 - soft_step(inside + np.float32(thickness) + wobble, 0.9)
            secretion = rng.uniform(0.12, 0.4) if rng.random() < 0.45 * (1 - m) else 0.015
            tissue.eosin[window] += lumen * (secretion - tissue.eosin[window])
            tissue.haematoxylin[window] *= 1 - 0.95 * lumen
    y, x, axis = _rows(rng, structure, radius, layers) if hollow else _crowd(rng, structure, radius)
    return epithelial(rng, y, x, axis, radius=radius, malignancy=m)


def _rows(rng: np.random.Generator, structure: _Structure, radius: float, layers: int) -> tuple[Numbers, Numbers, Numbers]:
    """Line nuclei up along the wall of a gland: evenly when benign, with gaps and out of row when malignant."""
    m, outline = structure.malignancy, structure.outline
    size = radius * (1 + GROWTH * m)
    rows = []
    for layer in range(layers):
        depth = size * (1.35 + 1.9 * layer)
        count = max(3, int(2 * np.pi * (outline.radius - depth) / (size * (2.3 - 0.2 * m))))
        theta = (np.arange(count) + rng.uniform() + rng.normal(0, 0.06 + 0.26 * m, count)) * 2 * np.pi / count
        theta = theta[rng.random(count) > 0.03 + 0.12 * m]
        far = np.maximum(outline.at(theta) - depth + rng.normal(0, 0.25 + 1.3 * m, len(theta)), 1.0)
        rows.append((structure.y + far * np.sin(theta), structure.x + far * np.cos(theta), theta))
    y, x, axis = (np.concatenate(parts).astype(np.float32) for parts in zip(*rows, strict=True))
    return y, x, axis


def _crowd(rng: np.random.Generator, structure: _Structure, radius: float) -> tuple[Numbers, Numbers, Numbers]:
    """Fill a nest with nuclei: on a jittered hexagonal grid, the more jittered the more malignant."""
    m, outline = structure.malignancy, structure.outline
    pitch = radius * (1 + GROWTH * m) * (2.55 - 0.25 * m)
    reach = int(outline.reach / pitch) + 2
    row, column = (grid.ravel() for grid in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    dy = row * pitch * 0.87 + rng.normal(0, (0.09 + 0.24 * m) * pitch, row.size)
    dx = (column + 0.5 * (row % 2)) * pitch + rng.normal(0, (0.09 + 0.24 * m) * pitch, row.size)
    theta = np.arctan2(dy, dx)
    keep = (np.hypot(dy, dx) < outline.at(theta) - 0.75 * radius) & (rng.random(row.size) > 0.05)
    axis = np.full(int(keep.sum()), rng.uniform(0, np.pi))
    return (structure.y + dy[keep]).astype(np.float32), (structure.x + dx[keep]).astype(np.float32), axis.astype(np.float32)
