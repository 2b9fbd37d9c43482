"""Pictures in answers: the thumbnail of the image that was judged, and the heat map over it, as data URIs."""

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from serving.imaging import Pixels

LONG_SIDE = 512
"""Longest side of a picture in an answer, in pixels."""
_STOPS = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], dtype=np.float64)
"""Five colours of matplotlib's map `inferno`, which stays readable in gray and with colour-weak eyes."""
_COLOURS = np.stack([np.interp(np.linspace(0, 4, 256), np.arange(5), _STOPS[:, channel]) for channel in range(3)], axis=1)
_PALETTE = np.rint(_COLOURS).astype(np.uint8).tobytes()
STRENGTH = 0.65
"""Opacity of the heat map where the activation is largest."""


def shrink(pixels: Pixels) -> Image.Image:
    """Return the image with its longest side at most `LONG_SIDE`, keeping its shape."""
    image = Image.fromarray(pixels)
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return image


def overlay(image: Image.Image, activation: npt.NDArray[np.float32]) -> Image.Image:
    """Lay a class activation [h, w] over an image: evidence for the class glows, the rest shows the picture.

    Negative evidence is left out; the strongest place of the image has full strength, so maps of two images do not compare.
    """
    positive = np.maximum(activation, 0.0)
    peak = float(positive.max())
    unit = positive / peak if peak > 0 else positive
    heat = Image.fromarray(np.rint(255 * unit).astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC)
    colours = Image.fromarray(np.asarray(heat), "P")
    colours.putpalette(_PALETTE)
    return Image.composite(colours.convert("RGB"), image, heat.point([round(STRENGTH * value) for value in range(256)]))


def data_uri(image: Image.Image) -> str:
    """Return an image as a JPEG data URI."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
