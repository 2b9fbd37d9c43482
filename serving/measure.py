"""Image properties: the few numbers of each image by which drift is told, measured on its pixels as decoded.

0.2 ms for 128 x 128 pixels; for 512 x 512 and more 0.7 ms where freed memory is kept, as ingest does, and 1.9 where it is not. Colour is
measured on at most 256 x 256 evenly spaced pixels of the central 512 x 512, texture, which needs neighbours, on all pixels of the central
256 x 256.
"""

import math

import numpy as np
import numpy.typing as npt

from serving.imaging import Pixels

Plane = npt.NDArray[np.float32]
COLOUR_SIDE = 512
"""Side in pixels of the central part in which colour is measured; every second pixel where it is larger than the texture's."""
TEXTURE_SIDE = 256
"""Side in pixels of the central part in which texture is measured."""
_BLOCK = 8  # side of JPEG's blocks

_LUMINANCE: Plane = (np.array([0.299, 0.587, 0.114]) / 255).astype(np.float32)
"""Of red, green and blue from 0 to 255 in a brightness from 0 to 1 (ITU-R BT.601)."""
_DENSITY = (-np.log10((np.arange(256) + 1) / 256)).astype(np.float32)
_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Optical density of haematoxylin, eosin and DAB in red, green and blue (Ruifrok and Johnston, 2001)."""
_UNMIX = np.linalg.inv(_STAINS / np.linalg.norm(_STAINS, axis=1, keepdims=True))


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
    planes = _planes(colour[::step, ::step])
    high, low = (extreme(extreme(planes[0], planes[1]), planes[2]) for extreme in (np.maximum, np.minimum))
    spread = np.divide(high - low, np.maximum(high, 1), dtype=np.float32)
    channels = planes.reshape(3, -1).astype(np.float32)
    means = np.add.reduce(channels, axis=1) / np.float32(channels.shape[1])
    luminance: Plane = _LUMINANCE @ channels
    density = _DENSITY.take(planes[:, ::2, ::2]).reshape(3, -1)
    stains = np.add.reduce(density, axis=1) / np.float32(density.shape[1]) @ _UNMIX
    gray = luminance.reshape(planes.shape[1:])
    if step > 1:
        centre = _planes(_centre(pixels, TEXTURE_SIDE))
        gray = (_LUMINANCE @ centre.reshape(3, -1).astype(np.float32)).reshape(centre.shape[1:])
    sharpness, noise = _texture(gray)
    red, green, blue = (float(mean) / 255.0 for mean in means)
    return {
        "brightness": _mean(luminance),
        "contrast": math.sqrt(_variance(luminance)),
        "saturation": _mean(spread),
        "red": red,
        "green": green,
        "blue": blue,
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


def _planes(pixels: Pixels) -> Pixels:
    """Return the channels one after the other, uint8 [3, h, w]: what follows is eleven times as fast on them."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


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
    height, width = gray.shape
    across = np.add.reduce(np.abs(gray[:, 1:] - gray[:, :-1]), axis=0) / np.float32(height)
    down = np.add.reduce(np.abs(gray[1:] - gray[:-1]), axis=1) / np.float32(width)
    excess = 0.0
    for steps in (across, down):
        rows = len(steps) // _BLOCK
        if rows:
            grids = sorted((np.add.reduce(steps[: rows * _BLOCK].reshape(rows, _BLOCK), axis=0) / np.float32(rows)).tolist())
            middle = (grids[3] + grids[4]) / 2
            excess += (grids[-1] - middle) / (middle + 1e-3) / 2  # a thousandth: a plain image has no blocks
    return excess


def _median(values: Plane) -> float:
    """Return the median of [n], as `np.median` does in a third of the time."""
    middle = len(values) // 2
    parts = np.partition(values, middle)
    return float(parts[middle]) if len(values) % 2 else float((parts[:middle].max() + parts[middle]) / 2)
