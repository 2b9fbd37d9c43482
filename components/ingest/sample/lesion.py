"""A lesion as a sonographer describes it: shape, margin, orientation, echo pattern, what lies behind it.

The descriptors are those of the ACR BI-RADS ultrasound lexicon. Each moves continuously with a malignancy in [0, 1] and varies
on its own, so that no single one decides.
"""

from dataclasses import dataclass

import numpy as np

from components.ingest.sample.fields import Field, Outline, soft_step


@dataclass(frozen=True)
class Lesion:
    """One lesion.

    Attributes:
        y, x: centre in pixels.
        outline: its margin.
        echo: of its inside against the tissue around, in dB.
        mottle: heterogeneity of that, in dB.
        blur: width of the margin in pixels.
        halo: echogenic rim in dB.
        behind: gain of the tissue behind it in dB; below 0 it casts a shadow.
    """

    y: float
    x: float
    outline: Outline
    echo: float
    mottle: float
    blur: float
    halo: float
    behind: float

    def depth(self, shape: tuple[int, int]) -> Field:
        """Return how far each pixel lies outside the margin, in pixels (negative inside): float32 `shape`."""
        dy = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(self.y)
        dx = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(self.x)
        return np.asarray(np.hypot(dy, dx) - self.outline.at(np.arctan2(dy, dx)), dtype=np.float32)

    def mask(self, shape: tuple[int, int]) -> Field:
        """Return 1 inside the margin and 0 outside: float32 `shape`."""
        return (self.depth(shape) < 0).astype(np.float32)

    def paint(self, level: Field, noise: Field) -> None:
        """Change the echo level in dB, [h, w], in place; `noise` [h, w] has unit variance."""
        shape = (level.shape[0], level.shape[1])
        outside = self.depth(shape)
        inside = 1 - soft_step(outside + 0.4 * self.blur * noise, self.blur)
        column = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(self.x)
        row = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(self.y)
        half = np.float32(0.86 * np.ptp(np.nonzero(outside < 0)[1]) / 2 + 1) if bool((outside < 0).any()) else np.float32(1)
        beam = 1 - soft_step(np.abs(column) - half - 1.0 * noise, 0.22 * float(half) + 1.0)
        shadow = beam * soft_step(row - 0.25 * half, 0.3 * float(half) + 2.0) * np.exp(-np.maximum(row - half, 0) / (5.0 * half))
        level += (1 - inside) * self.behind * shadow
        level += self.halo * np.exp(-(((outside - 2.5) / (2.0 + self.blur)) ** 2))
        level += inside * (self.echo + self.mottle * noise + 0.35 * min(self.behind, 0) * shadow)


def draw_lesion(rng: np.random.Generator, shape: tuple[int, int], malignancy: float, *, side: int) -> Lesion:
    """Draw a lesion of a malignancy for an image of `shape`; the one with `side` 1 lies away from the one with `side` 0."""
    m = malignancy
    radius = rng.uniform(15, 42) * (0.6 if side else 1.0)
    aspect = float(np.exp(rng.normal(np.log(1.75 - 0.85 * m), 0.14)))  # width over height
    place = rng.uniform(0.3, 0.48) if side == 0 else rng.uniform(0.78, 0.88)
    cyst = rng.random() < 0.3 * (1 - m)
    return Lesion(
        y=float(rng.uniform(0.30, 0.52) * shape[0]),
        x=float(place * shape[1] if rng.random() < 0.5 or side else (1 - place) * shape[1]),
        outline=Outline(
            rng, radius=radius, aspect=aspect, angle=rng.normal(0, 0.15 + 0.2 * m), rough=0.012 + 0.095 * m**1.3, waves=4 + round(9 * m)
        ),
        echo=float(rng.uniform(-34, -24) if cyst else rng.uniform(-20, -9)),
        mottle=float(0.6 if cyst else 1.2 + 2.2 * m + rng.uniform(0, 0.8)),
        blur=float(0.9 + 3.0 * m * rng.uniform(0.4, 1.2)),
        halo=float(max(0.0, rng.normal(6.0 * m, 1.5))),
        behind=float(rng.normal(26 * (0.5 - m), 5.0) + (3 if cyst else 0)),
    )
