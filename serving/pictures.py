"""Pictures in answers: the thumbnail of the image that was judged, and the heat map over it, as data URIs."""

import base64
import io

import numpy as np
from PIL import Image

from serving.heatmap import HeatMap
from serving.imaging import Pixels

LONG_SIDE = 512
"""Longest side of a picture in an answer, in pixels."""
_STOPS = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], dtype=np.float64)
"""Five colours of matplotlib's map `inferno`, which stays readable in gray and with colour-weak eyes."""
_COLOURS = np.stack([np.interp(np.linspace(0, 4, 256), np.arange(5), _STOPS[:, channel]) for channel in range(3)], axis=1)
_PALETTE = np.rint(_COLOURS).astype(np.uint8).tobytes()
STRENGTH = 0.65
"""Opacity of the heat map where the evidence is strongest."""
UNSEEN = 0.4
"""Brightness of what the model did not see, where it looks at the centre only."""


def shrink(pixels: Pixels) -> Image.Image:
    """Return the image with its longest side at most `LONG_SIDE`, keeping its shape."""
    image = Image.fromarray(pixels)
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return image


def overlay(image: Image.Image, heat: HeatMap) -> Image.Image:
    """Lay a heat map over its image: evidence for the class glows, the rest shows the picture; what the model did not see is dark.

    Evidence against the class is left out; the strongest place of the image has full strength, so maps of two images do not compare.
    """
    peak = float(heat.evidence.max())
    unit = np.maximum(heat.evidence, 0.0) / (peak if peak > 0 else 1.0)
    left, top, right, bottom = (round(share * side) for share, side in zip(heat.box, image.size * 2, strict=True))
    seen = image.crop((left, top, right, bottom))
    glow = Image.fromarray(np.rint(255 * unit).astype(np.uint8)).resize(seen.size, Image.Resampling.BICUBIC)
    colours = Image.fromarray(np.asarray(glow), "P")
    colours.putpalette(_PALETTE)
    whole = image.point([round(UNSEEN * value) for value in range(256)] * 3)
    whole.paste(Image.composite(colours.convert("RGB"), seen, glow.point([round(STRENGTH * value) for value in range(256)])), (left, top))
    return whole


def data_uri(image: Image.Image) -> str:
    """Return an image as a JPEG data URI."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
