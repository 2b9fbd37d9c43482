"""Resizing to what the model takes: bilinear with antialiasing, so that shrinking does not alias texture.

`cykooz_resizer` (fast_image_resize, Rust) does it in a fifth of Pillow's time (0.26 against 1.4 ms for 500 x 500 to 224 x 224) and lets
other threads run; where there is no wheel of it, Pillow does it. Both are one convolution, a triangle as wide as the reduction, in
fixed point, the same on every processor; they round at different places, so that a sixth of the values differ, by 1 of 255 (in noise
that is cropped at a fraction of a pixel, one value of ten thousand by 2).
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

_fast = import_module("cykooz_resizer") if find_spec("cykooz_resizer") else None

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


class Target(Protocol):
    """What to resize to, as `serving.contract.ImageSpec` says it."""

    @property
    def height(self) -> int:
        """In pixels."""

    @property
    def width(self) -> int:
        """In pixels."""

    @property
    def fit(self) -> str:
        """`stretch` or `crop`."""


def seen_box(width: int, height: int, spec: Target) -> Box:
    """Return the part of an image of this size that is kept, in pixels: all of it, or of `crop` the largest centred part of the shape."""
    if spec.fit == "stretch":
        return (0.0, 0.0, float(width), float(height))
    scale = min(width / spec.width, height / spec.height)
    left, top = max(0.0, (width - scale * spec.width) / 2), max(0.0, (height - scale * spec.height) / 2)
    return (left, top, width - left, height - top)


def resize(pixels: npt.NDArray[np.uint8], spec: Target) -> npt.NDArray[np.uint8]:
    """Resize the part of an image that is kept: uint8 [h, w, 3] -> uint8 [spec.height, spec.width, 3], which may be read-only."""
    height, width = pixels.shape[:2]
    box = seen_box(width, height, spec)
    if _fast is None:
        return np.asarray(Image.fromarray(pixels).resize((spec.width, spec.height), Image.Resampling.BILINEAR, box=box))
    left, top, right, bottom = box
    options = _fast.ResizeOptions(
        _fast.ResizeAlg.convolution(_fast.FilterType.bilinear), crop_box=_fast.CropBox(left, top, right - left, bottom - top)
    )
    source = _fast.ImageData(width, height, _fast.PixelType.U8x3, pixels.tobytes())
    target = _fast.ImageData(spec.width, spec.height, _fast.PixelType.U8x3)
    _fast.Resizer().resize(source, target, options)  # one each time: it keeps buffers, which threads must not share
    return np.frombuffer(target.get_buffer(), np.uint8).reshape(spec.height, spec.width, 3)
