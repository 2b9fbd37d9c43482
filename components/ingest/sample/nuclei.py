"""Cell nuclei: drawn all at once as small windows, then laid onto the tissue one by one.

What tells malignant from benign here is what a pathologist looks at: size, variation of size, shape, outline, chromatin,
nucleoli, mitoses. Each varies continuously with a malignancy in [0, 1], so the classes overlap.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from components.ingest.sample.fields import Field

Numbers = npt.NDArray[np.float32]
REACH = 17
"""Half side of the window that a nucleus is drawn in, in pixels."""
WAVES = 4
GROWTH = 0.65
"""How much larger the mean nucleus is at malignancy 1."""


@dataclass(frozen=True)
class Nuclei:
    """A set of nuclei, one value each, float32 [N].

    Attributes:
        y, x: centres in pixels.
        radius: in pixels.
        aspect: length over width.
        angle: of the long axis, in radians.
        rough: amplitude of the outline's waves as a share of the radius.
        dye: haematoxylin concentration.
        clump: contrast of the chromatin.
        hollow: 0 evenly dark to 1 pale inside with a dark rim (vesicular).
        nucleolus: its darkness; 0 is none.
    """

    y: Numbers
    x: Numbers
    radius: Numbers
    aspect: Numbers
    angle: Numbers
    rough: Numbers
    dye: Numbers
    clump: Numbers
    hollow: Numbers
    nucleolus: Numbers

    def __len__(self) -> int:
        return len(self.y)


def join(parts: list[Nuclei]) -> Nuclei:
    """Put sets of nuclei together, in order."""
    return Nuclei(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Nuclei)})


def epithelial(
    rng: np.random.Generator, y: Numbers, x: Numbers, axis: Numbers, *, radius: float, malignancy: float, mitoses: float = 0.035
) -> Nuclei:
    """Draw the nuclei of epithelium at given places.

    Args:
        rng: source of their variation.
        y: rows of the centres in pixels, [N].
        x: their columns, [N].
        axis: direction that regular nuclei point to, in radians, [N].
        radius: of a regular nucleus, in pixels.
        malignancy: 0 small, even and smooth to 1 large, uneven and ragged.
        mitoses: share of dividing nuclei at malignancy 1.
    """
    count, m = len(y), malignancy
    size = radius * (1 + GROWTH * m) * np.exp(rng.normal(0, 0.07 + 0.24 * m, count))
    dividing = rng.random(count) < mitoses * m * m
    vesicular = rng.random(count) < 0.12 + 0.45 * m
    wander = rng.normal(0, 0.15 + 1.1 * m, count)
    dye = (1.0 - 0.17 * m) * np.exp(rng.normal(0, 0.08 + 0.2 * m, count))
    return Nuclei(
        y=_f(y),
        x=_f(x),
        radius=_f(np.clip(np.where(dividing, 0.8 * size, size), 2.0, 10.5)),
        aspect=_f(np.where(dividing, rng.uniform(1.8, 2.8, count), 1.1 + np.abs(rng.normal(0.12, 0.1 + 0.2 * m, count)))),
        angle=_f(axis + wander),
        rough=_f(np.where(dividing, 0.22, 0.015 + 0.085 * m)),
        dye=_f(np.where(dividing, 1.9, dye)),
        clump=_f(np.where(dividing, 0.1, 0.12 + 0.22 * m)),
        hollow=_f(np.where(vesicular & ~dividing, rng.uniform(0.4, 0.9, count), rng.uniform(0.0, 0.25, count))),
        nucleolus=_f(np.where((rng.random(count) < 0.08 + 0.5 * m) & (size > 3.8) & ~dividing, rng.uniform(0.5, 1.1, count), 0.0)),
    )


def plain(rng: np.random.Generator, y: Numbers, x: Numbers, axis: Numbers, *, radius: float, aspect: float, dye: float) -> Nuclei:
    """Draw nuclei that say nothing about malignancy: fibroblasts (long, along the fibres) and lymphocytes (small, round, dark)."""
    count = len(y)
    return Nuclei(
        y=_f(y),
        x=_f(x),
        radius=_f(radius * np.exp(rng.normal(0, 0.12, count))),
        aspect=_f(np.clip(aspect * np.exp(rng.normal(0, 0.15, count)), 1.0, 5.0)),
        angle=_f(axis + rng.normal(0, 0.12, count)),
        rough=_f(np.full(count, 0.04)),
        dye=_f(dye * np.exp(rng.normal(0, 0.12, count))),
        clump=_f(np.full(count, 0.15)),
        hollow=_f(rng.uniform(0, 0.2, count)),
        nucleolus=_f(np.zeros(count)),
    )


def _f(values: npt.NDArray[np.floating]) -> Numbers:
    return np.asarray(values, dtype=np.float32)


def lay(nuclei: Nuclei, haematoxylin: Field, eosin: Field, chromatin: Field, rng: np.random.Generator) -> None:
    """Lay nuclei onto tissue, in place.

    Args:
        nuclei: what to draw; centres outside the field are cut off at its edge.
        haematoxylin: concentration [h, w], changed.
        eosin: concentration [h, w], changed.
        chromatin: fine noise [h, w] that the chromatin clumps follow.
        rng: source of the outlines' waves and of where nucleoli lie.
    """
    count = len(nuclei)
    amplitudes = rng.standard_normal((count, WAVES), dtype=np.float32) * nuclei.rough[:, None]
    amplitudes /= np.arange(1, WAVES + 1, dtype=np.float32) ** 0.7
    phases = rng.uniform(0, 2 * np.pi, (count, WAVES)).astype(np.float32)
    spots = rng.uniform(-0.35, 0.35, (count, 2)).astype(np.float32) * nuclei.radius[:, None]
    height, width = haematoxylin.shape
    for i in range(count):
        reach = min(REACH, int(nuclei.radius[i] * np.sqrt(nuclei.aspect[i]) * 1.45) + 3)
        row, column = round(float(nuclei.y[i])), round(float(nuclei.x[i]))
        top, bottom, left, right = max(0, row - reach), min(height, row + reach + 1), max(0, column - reach), min(width, column + reach + 1)
        if top >= bottom or left >= right:
            continue
        dy = np.arange(top, bottom, dtype=np.float32)[:, None] - nuclei.y[i]
        dx = np.arange(left, right, dtype=np.float32)[None, :] - nuclei.x[i]
        sine, cosine, root = np.sin(nuclei.angle[i]), np.cos(nuclei.angle[i]), np.sqrt(nuclei.aspect[i])
        along, across = (cosine * dx + sine * dy) / root, (cosine * dy - sine * dx) * root
        distance = np.sqrt(along * along + across * across) + np.float32(1e-3)
        unit = (along + 1j * across) / distance
        edge, power = np.full_like(distance, nuclei.radius[i]), unit
        for wave in range(WAVES):
            power = power * unit
            edge += nuclei.radius[i] * amplitudes[i, wave] * (power * np.exp(1j * phases[i, wave])).real
        inside = distance - edge
        cover = 0.5 - 0.5 * np.tanh(inside / 0.7)
        depth = np.clip(distance / np.maximum(edge, 1.0), 0, 1)
        dye = 1 - nuclei.hollow[i] * (0.6 - 0.6 * depth**3)
        dye = dye * (1 + nuclei.clump[i] * chromatin[top:bottom, left:right]) + 0.22 * np.exp(-((inside + 0.8) ** 2))
        if nuclei.nucleolus[i] > 0:
            dye = dye + nuclei.nucleolus[i] * np.exp(-((dx - spots[i, 0]) ** 2 + (dy - spots[i, 1]) ** 2) / 1.7)
        target = haematoxylin[top:bottom, left:right]
        target += cover * (np.clip(nuclei.dye[i] * dye, 0.15, 2.4) - target)
        eosin[top:bottom, left:right] *= 1 - 0.35 * cover
