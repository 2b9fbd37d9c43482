"""A B-mode image of a breast: layers of tissue as echo levels in dB, speckle from scatterers, attenuation, log compression.

Speckle is the envelope of a sum of random phasors seen through a point spread function that widens with depth (Wagner et al.,
IEEE Trans Sonics Ultrasonics 30, 1983); before compression it is Rayleigh-distributed, averaged over a few looks as compounding does.
Brightness is set as a sonographer sets gain: drawn for the image, whatever it shows, so that it says nothing about the class.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from components.ingest.sample.fields import Field, fibre_field, smooth_field, soft_step
from components.ingest.sample.lesion import Lesion


def insonify(rng: np.random.Generator, shape: tuple[int, int], lesions: list[Lesion]) -> npt.NDArray[np.uint8]:
    """Image a breast with its lesions: uint8 RGB [h, w, 3], three equal channels, depth downwards."""
    level = _layers(rng, shape)
    for lesion in lesions:
        lesion.paint(level, smooth_field(rng, shape, 4.5))
    level += _attenuation(rng, shape)
    decibels = level + 20 * np.log10(_speckle(rng, shape, looks=int(rng.integers(2, 4))) + np.float32(1e-3))
    decibels = ndimage.gaussian_filter(decibels, float(rng.uniform(0.35, 0.6)))
    dynamic_range = rng.uniform(44, 56)
    gray = 255 * (decibels - decibels.mean()) / dynamic_range + rng.uniform(62, 100)
    gray += 1.5 * rng.standard_normal(shape, dtype=np.float32)
    return np.repeat(np.clip(np.rint(gray), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def _layers(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Return echo levels in dB: skin, fat with septa, gland, muscle, sometimes ribs, from top to bottom."""
    y, x = (grid.astype(np.float32) for grid in np.mgrid[: shape[0], : shape[1]])
    height = shape[0]
    sag = rng.uniform(3, 11) * smooth_field(rng, shape, 70.0) + rng.uniform(1, 4) * smooth_field(rng, shape, 22.0)
    tilt = rng.normal(0, 0.05)
    deep = y + sag * np.clip(y / 30, 0, 1) * (1.15 - 0.7 * y / height) + np.float32(tilt) * (x - shape[1] / 2)
    fat_ends, gland_ends = rng.uniform(0.12, 0.32) * height, rng.uniform(0.55, 0.8) * height
    in_gland = soft_step(deep - fat_ends, 4.0) * (1 - soft_step(deep - gland_ends, 5.0))
    in_muscle = soft_step(deep - gland_ends, 5.0)
    in_fat = 1 - in_gland - in_muscle

    blotch = smooth_field(rng, shape, 20.0) + 0.7 * smooth_field(rng, shape, 8.0)
    strand = fibre_field(x, deep, rng, along=rng.uniform(18, 34), across=rng.uniform(4, 7))
    thin = fibre_field(x, deep, rng, along=12.0, across=2.6)
    septum = np.exp(-((strand / 0.22) ** 2)) * soft_step(smooth_field(rng, shape, 26.0) + 0.5, 0.5)
    stripe = fibre_field(x, deep, rng, along=70.0, across=4.0)

    density = rng.uniform(-3, 5)
    gland = density + rng.uniform(1.5, 3.5) * blotch + 2.4 * thin + 5.0 * septum
    fat = rng.uniform(-10, -5) + 1.0 * blotch + 1.2 * thin + 12.0 * septum
    muscle = -7 + 3.0 * stripe + 1.5 * blotch + 7.0 * np.exp(-(((stripe - 1.2) / 0.35) ** 2))
    level = in_gland * gland + in_fat * fat + in_muscle * muscle
    level += 8 * np.exp(-(((deep - gland_ends) / 2.2) ** 2)) * soft_step(smooth_field(rng, shape, 40.0), 0.5)

    skin = rng.uniform(4, 8)
    level += 14 * np.exp(-((y / 1.6) ** 2)) + 11 * np.exp(-(((y - skin) / 1.7) ** 2)) + 4 * np.exp(-((y / (0.8 * skin)) ** 4))
    for _ in range(rng.poisson(2.0)):
        _lobule(rng, level, x, deep, range_of_depth=(fat_ends, gland_ends))
    for _ in range(rng.poisson(0.5)):  # Cooper's ligaments and poor contact cast faint shadows in any breast
        band = np.exp(-(((x + 0.12 * y - rng.uniform(0, shape[1])) / rng.uniform(6, 15)) ** 2))
        level -= rng.uniform(3, 9) * band * soft_step(y - rng.uniform(10, 60), 12.0)
    if rng.random() < 0.12:
        _ribs(rng, level, x, y)
    return np.asarray(level, dtype=np.float32)


def _lobule(rng: np.random.Generator, level: Field, x: Field, deep: Field, *, range_of_depth: tuple[float, float]) -> None:
    """Lay a fat lobule into the gland: an oval that is a little darker, with a thin bright capsule; no lesion."""
    top, bottom = range_of_depth
    cy, cx = rng.uniform(top * 0.6, bottom), rng.uniform(0, x.shape[1])
    width, thickness = rng.uniform(16, 40), rng.uniform(6, 13)
    away = np.hypot((x - cx) / width, (deep - cy) / thickness)
    level -= rng.uniform(3, 9) * (1 - soft_step(away - 1, 0.12))
    level += 6 * np.exp(-(((away - 1.05) / 0.09) ** 2)) * (0.5 + 0.5 * np.sign(cy - deep) * 0.6)


def _ribs(rng: np.random.Generator, level: Field, x: Field, y: Field) -> None:
    """Lay ribs at the bottom: bright arcs with a dark shadow."""
    depth, width = rng.uniform(0.76, 0.9) * level.shape[0], rng.uniform(30, 52)
    start = rng.uniform(-20, 60)
    for cx in np.arange(start, level.shape[1] + width, 2.6 * width):
        arc = depth + 0.16 * width * ((x - cx) / width) ** 2
        near = np.exp(-(((x - cx) / (0.75 * width)) ** 4))
        level += near * (15 * np.exp(-(((y - arc) / 2.0) ** 2)) - 11 * soft_step(y - arc - 3, 2.0))


def _attenuation(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Return the loss in dB with depth that gain does not make up for, with weaker edges of the footprint."""
    depth = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    loss = -rng.uniform(6, 20) * depth ** rng.uniform(1.2, 2.6)
    corner = -rng.uniform(0, 22) * np.maximum(rng.choice([-1, 1]) * across, 0) ** 3 * depth**1.5
    return np.asarray(loss + corner - 2.0 * across**4, dtype=np.float32)


def _speckle(rng: np.random.Generator, shape: tuple[int, int], *, looks: int) -> Field:
    """Return the mean envelope of a few looks, unit mean square: float32 `shape`."""
    depth = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    total = np.zeros(shape, dtype=np.float32)
    for _ in range(looks):
        power = np.zeros(shape, dtype=np.float32)
        for _ in range(2):  # real and imaginary part
            noise = rng.standard_normal(shape, dtype=np.float32)
            near = ndimage.gaussian_filter(noise, (0.85, 1.3), mode="wrap")
            far = ndimage.gaussian_filter(noise, (0.95, 2.2), mode="wrap")
            part = (1 - depth) * near / np.float32(near.std()) + depth * far / np.float32(far.std())
            power += 0.5 * part**2
        total += np.sqrt(power)
    return np.asarray(total / looks, dtype=np.float32)
