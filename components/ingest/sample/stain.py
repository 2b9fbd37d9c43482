"""Haematoxylin and eosin: from stain concentrations to RGB by the law of Beer and Lambert.

Absorption vectors vary around those of Ruifrok and Johnston (Anal Quant Cytol Histol 23, 2001); strength, hue and the lamp's
white differ from slide to slide, as laboratories do, and say nothing about the diagnosis.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.ingest.sample.fields import Field, smooth_field

LABORATORIES = (
    # haematoxylin RGB, eosin RGB, white RGB
    ((0.58, 0.78, 0.33), (0.16, 0.92, 0.36), (0.96, 0.93, 0.96)),
    ((0.65, 0.72, 0.26), (0.09, 0.95, 0.28), (0.95, 0.95, 0.95)),
    ((0.52, 0.82, 0.31), (0.20, 0.94, 0.45), (0.95, 0.90, 0.93)),
    ((0.62, 0.71, 0.34), (0.22, 0.86, 0.42), (0.89, 0.94, 0.93)),
    ((0.55, 0.80, 0.25), (0.12, 0.90, 0.22), (0.97, 0.95, 0.91)),
)


@dataclass(frozen=True)
class Stain:
    """How one slide was stained and photographed.

    Attributes:
        haematoxylin, eosin: optical density per unit of concentration, by RGB channel.
        white: what the empty slide looks like, RGB in [0, 1].
        noise: standard deviation of the camera's noise, in levels of 255.
    """

    haematoxylin: tuple[float, float, float]
    eosin: tuple[float, float, float]
    white: tuple[float, float, float]
    noise: float


def draw_stain(rng: np.random.Generator, laboratory: int) -> Stain:
    """Draw the stain of a slide from a laboratory's habits; any integer names a laboratory."""
    base_h, base_e, base_w = LABORATORIES[laboratory % len(LABORATORIES)]
    strength_h, strength_e = rng.uniform(1.35, 1.95), rng.uniform(0.75, 1.15)
    jitter = rng.normal(0, 0.025, (3, 3))
    return Stain(
        haematoxylin=_triple(strength_h * (np.array(base_h) + jitter[0])),
        eosin=_triple(strength_e * (np.array(base_e) + jitter[1])),
        white=_triple(np.minimum(np.array(base_w) + jitter[2] * 0.5, 1.0)),
        noise=float(rng.uniform(1.5, 3.5)),
    )


def _triple(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def photograph(haematoxylin: Field, eosin: Field, stain: Stain, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Photograph stained tissue: two concentrations [h, w] -> uint8 RGB [h, w, 3]."""
    lamp = 1.0 + 0.02 * smooth_field(rng, (haematoxylin.shape[0], haematoxylin.shape[1]), 90.0)
    image = np.empty((*haematoxylin.shape, 3), dtype=np.float32)
    for channel in range(3):
        density = haematoxylin * np.float32(stain.haematoxylin[channel]) + eosin * np.float32(stain.eosin[channel])
        image[..., channel] = 255.0 * np.float32(stain.white[channel]) * lamp * np.exp(-density)
    image += np.float32(stain.noise) * rng.standard_normal(image.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(image), 0, 255), dtype=np.uint8)
