"""Image properties: the few numbers of each image by which drift is told, measured on its pixels as decoded.

Half a millisecond an image, so that every request can afford it: colour is measured on at most 256 x 256 evenly spaced pixels of
the central 512 x 512, texture, which needs neighbours, on all pixels of the central 256 x 256.
"""

import math

import numpy as np
import numpy.typing as npt

from serving.imaging import Pixels

COLOUR_SIDE = 512
"""Side in pixels of the central part in which colour is measured; every second pixel where it is larger than the texture's."""
TEXTURE_SIDE = 256
"""Side in pixels of the central part in which texture is measured."""
_BLOCK = 8  # side of JPEG's blocks

_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
_DENSITY = (-np.log10((np.arange(256) + 1) / 256)).astype(np.float32)
_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Optical density of haematoxylin, eosin and DAB in red, green and blue (Ruifrok and Johnston, 2001)."""
_UNMIX = np.linalg.inv(_STAINS / np.linalg.norm(_STAINS, axis=1, keepdims=True))

Plane = npt.NDArray[np.float32]


def properties(pixels: Pixels) -> dict[str, float]:
    """Measure an image before it is resized: uint8 [h, w, 3] -> one float per name in `serving.contract.PROPERTIES`.

    Brightness, contrast (standard deviation) and channel means are in [0, 1]; saturation is the mean of (max - min) / max.
    Haematoxylin and eosin are the mean amounts of the two stains in optical density (Ruifrok and Johnston, Anal. Quant. Cytol.
    Histol. 23 (2001) 291); of an image without stains they tell about colour all the same. Sharpness is the variance of the
    Laplacian and noise the median absolute Laplacian (Immerkaer 1996 up to a factor), on the luminance in [0, 1]. Stains and noise
    are measured at every second pixel in both directions. Compression is by how much steps at the edges of 8 x 8 blocks exceed
    the others (after Wang, Bovik and Evan, ICIP 2000): 0 without blocks, wherever the blocks begin.
    """
    height, width = pixels.shape[:2]
    colour = _centre(pixels, COLOUR_SIDE)
    step = 2 if max(colour.shape) > TEXTURE_SIDE else 1
    red, green, blue = (np.ascontiguousarray(colour[::step, ::step, channel]) for channel in range(3))  # planes: eleven times as fast
    high = np.maximum(np.maximum(red, green), blue).astype(np.float32)
    low = np.minimum(np.minimum(red, green), blue).astype(np.float32)
    spread = np.divide(high - low, np.maximum(high, 1), dtype=np.float32)
    planes = [plane.astype(np.float32) for plane in (red, green, blue)]
    means = [_mean(plane) / 255.0 for plane in planes]
    gray = _luminance(*planes)
    stains = np.array([_mean(_DENSITY.take(plane[::2, ::2])) for plane in (red, green, blue)]) @ _UNMIX
    brightness, contrast = _mean(gray), math.sqrt(_variance(gray))
    if step > 1:
        centre = _centre(pixels, TEXTURE_SIDE)
        gray = _luminance(*(np.ascontiguousarray(centre[:, :, channel]).astype(np.float32) for channel in range(3)))
    sharpness, noise = _texture(gray)
    return {
        "brightness": brightness,
        "contrast": contrast,
        "saturation": _mean(spread),
        "red": means[0],
        "green": means[1],
        "blue": means[2],
        "haematoxylin": float(stains[0]),
        "eosin": float(stains[1]),
        "sharpness": sharpness,
        "noise": noise,
        "compression": _blocks(gray),
        "width": float(width),
        "height": float(height),
        "aspect": width / height,
    }


def _centre(pixels: Pixels, side: int) -> Pixels:
    top, left = (max(0, (length - side) // 2) for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def _luminance(red: Plane, green: Plane, blue: Plane) -> Plane:
    gray = red * np.float32(_LUMINANCE[0] / 255.0)
    gray += green * np.float32(_LUMINANCE[1] / 255.0)
    gray += blue * np.float32(_LUMINANCE[2] / 255.0)
    return gray


def _mean(plane: Plane) -> float:
    """Return the mean, as `np.mean` does at twice the cost for images of this size."""
    return float(np.add.reduce(plane, axis=None)) / plane.size


def _variance(plane: Plane) -> float:
    """Return the mean squared difference from the mean."""
    flat = (plane - np.float32(_mean(plane))).ravel()
    return float(flat @ flat) / flat.size


def _texture(gray: Plane) -> tuple[float, float]:
    """Return the variance and the median size of the Laplacian."""
    laplacian = 4 * gray[1:-1, 1:-1]
    for neighbour in (gray[:-2, 1:-1], gray[2:, 1:-1], gray[1:-1, :-2], gray[1:-1, 2:]):
        laplacian -= neighbour
    return _variance(laplacian), _median(np.abs(laplacian[::2, ::2]).ravel())


def _blocks(gray: Plane) -> float:
    """Return by how much the mean step between neighbours is larger at the strongest of the eight grids than at the median one."""
    across = np.abs(gray[:, 1:] - gray[:, :-1]).mean(axis=0, dtype=np.float32)
    down = np.abs(gray[1:] - gray[:-1]).mean(axis=1, dtype=np.float32)
    excess = 0.0
    for steps in (across, down):
        rows = len(steps) // _BLOCK
        grids = np.sort(steps[: rows * _BLOCK].reshape(rows, _BLOCK).mean(axis=0)) if rows else np.zeros(_BLOCK, np.float32)
        middle = float(grids[3] + grids[4]) / 2
        excess += (float(grids[-1]) - middle) / (middle + 1e-3) / 2  # a thousandth: a plain image has no blocks
    return excess


def _median(values: Plane) -> float:
    """Return the median of [n], as `np.median` does in a third of the time."""
    middle = len(values) // 2
    parts = np.partition(values, middle)
    return float(parts[middle]) if len(values) % 2 else float((parts[:middle].max() + parts[middle]) / 2)
