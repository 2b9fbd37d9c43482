"""Epithelium: where glands and nests lie, what they are filled with, and how their nuclei are arranged.

Architecture is half of a diagnosis: a benign gland has an even row of nuclei around an open lumen; with malignancy lumina close,
rows break up, and nests without a lumen take their place.
"""

from dataclasses import dataclass

import numpy as np

from components.ingest.sample.fields import Field, Outline, polar_around, smooth_field, soft_step, window_around
from components.ingest.sample.nuclei import GROWTH, Nuclei, Numbers, epithelial

RETRACTION = 0.75
"""Share of nests with a cleft beside them; without it, tissue without lumina would be less white."""


@dataclass
class Tissue:
    """What the stains bind to: concentrations, float32 [h, w], 0 where there is no tissue."""

    haematoxylin: Field
    eosin: Field


@dataclass(frozen=True)
class Structure:
    """A gland or a nest: where it lies, its outline, and how malignant it is."""

    y: float
    x: float
    outline: Outline
    malignancy: float
    gland: bool


def place_structures(rng: np.random.Generator, malignancy: Field, magnification: float) -> list[Structure]:
    """Place glands and nests until the share of the area that this piece shall have is covered."""
    height, width = malignancy.shape
    wanted = rng.uniform(0.32, 0.62) * height * width
    margin = 12
    placed: list[Structure] = []
    for _ in range(int(60 * max(1.0, height * width / 128**2))):
        y, x = rng.uniform(-margin, height + margin), rng.uniform(-margin, width + margin)
        m = float(malignancy[int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))])
        size = rng.uniform(17, 33) * magnification
        gap = (4 - 6 * m) * magnification
        if any((y - other.y) ** 2 + (x - other.x) ** 2 < (0.95 * (size + other.outline.radius) + gap) ** 2 for other in placed):
            continue
        outline = Outline(rng, radius=size, aspect=rng.uniform(1.0, 1.55), angle=rng.uniform(0, np.pi), rough=0.04 + 0.11 * m)
        placed.append(Structure(y, x, outline, m, bool(rng.random() < 0.88 - 0.62 * m)))
        wanted -= np.pi * size**2 * 0.8
        if wanted <= 0:
            break
    return placed


def paint_epithelium(rng: np.random.Generator, tissue: Tissue, structure: Structure, *, nucleus: float) -> Nuclei:
    """Fill one structure with cytoplasm, open its lumen, and return its nuclei."""
    shape, m = (tissue.eosin.shape[0], tissue.eosin.shape[1]), structure.malignancy
    outline, radius = structure.outline, nucleus * float(np.exp(rng.normal(0, 0.06)))
    layers = 1 + int(rng.random() < 0.35 + 0.3 * m)
    thickness = radius * (1 + GROWTH * m) * (2.5 if layers == 1 else 4.4)
    hollow = structure.gland and outline.radius > thickness + 3
    window = window_around(shape, structure.y, structure.x, outline.reach + 5)
    distance, theta = polar_around(window, structure.y, structure.x)
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
            gap = np.float32(rng.uniform(2.0, 6.5)) * facing
            bare = soft_step(inside - 0.5, 0.7) * (1 - soft_step(inside - 0.5 - gap, 0.7)) * soft_step(gap - 0.8, 0.4)
            tissue.eosin[window] *= 1 - 0.95 * bare
            tissue.haematoxylin[window] *= 1 - 0.95 * bare
        if hollow:
            wobble = (0.8 + 2.6 * m) * smooth_field(rng, (distance.shape[0], distance.shape[1]), 7.0)
            lumen = 1 - soft_step(inside + np.float32(thickness) + wobble, 0.9)
            secretion = rng.uniform(0.12, 0.4) if rng.random() < 0.6 * (1 - m) else 0.015
            tissue.eosin[window] += lumen * (secretion - tissue.eosin[window])
            tissue.haematoxylin[window] *= 1 - 0.95 * lumen
    y, x, axis = _rows(rng, structure, radius, layers) if hollow else _crowd(rng, structure, radius)
    return epithelial(rng, y, x, axis, radius=radius, malignancy=m)


def _rows(rng: np.random.Generator, structure: Structure, radius: float, layers: int) -> tuple[Numbers, Numbers, Numbers]:
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


def _crowd(rng: np.random.Generator, structure: Structure, radius: float) -> tuple[Numbers, Numbers, Numbers]:
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
