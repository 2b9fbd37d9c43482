"""The one image decoder: encoded bytes to uint8 RGB, the same in ingest, training, `mlflow.pyfunc` and the service.

What it decides, in this order: the type is told by content, never by name; limits are checked on the header before any
pixel is decoded; EXIF rotation is applied; 16-bit and float pixels are scaled by their own minimum and maximum; transparent
pixels lie on white (the background of a slide); palette, gray and CMYK become RGB; several frames or pages are refused.
DICOM is read by `serving.dicom`, under the same limits, and the plain PNG by `serving.png`, which gives the same pixels sooner.
"""

import io
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageOps

from serving.png import decode_plain
from serving.resizing import Target, resize

Pixels = npt.NDArray[np.uint8]
"""uint8 RGB, [height, width, 3]; as decoded and resized it may be read-only, which saves a copy."""

_PILLOW_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
FORMATS = (*_PILLOW_FORMATS, "DICOM")
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 40_000_000
MIN_SIDE = 16
MAX_SCANS = 100
"""Scans of a progressive JPEG, which usually has ten. Each costs a pass over all pixels, and need hold no more than twelve bytes."""

_BAND = 64
"""Rows that are scaled at a time."""

ImageFile.LOAD_TRUNCATED_IMAGES = False


class ImageError(ValueError):
    """An image is refused. `code` is for programs, `message` and `remedy` are for people, `status` is the HTTP status."""

    def __init__(self, code: str, message: str, remedy: str, status: int = 400) -> None:
        super().__init__(f"{message}; {remedy}")
        self.code, self.message, self.remedy, self.status = code, message, remedy, status


@dataclass(frozen=True)
class Decoded:
    """An image as uint8 RGB, with what its file said: `mode` is that of Pillow or `serving.dicom`, `format` one of `FORMATS`."""

    pixels: Pixels
    mode: str
    format: str


def decode(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Decoded:
    """Decode one image.

    Args:
        data: the bytes of the file.
        max_bytes: the largest file that is looked at.
        max_pixels: the largest width x height that is decoded.

    Returns:
        The pixels as uint8 RGB, [height, width, 3], and the mode and format of the file.

    Raises:
        ImageError: if it is no image of a supported type, is damaged or breaks a limit.
    """
    if not data:
        raise ImageError("empty", "the image holds 0 bytes", "send the whole file")
    if len(data) > max_bytes:
        raise ImageError("too_many_bytes", f"an image may hold {max_bytes:,} bytes, but got {len(data):,}", "send a smaller file", 413)
    from serving.dicom import decode_dicom, is_dicom  # it imports this module

    if is_dicom(data):
        return decode_dicom(data, max_pixels=max_pixels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=_PILLOW_FORMATS)
    except Image.DecompressionBombWarning:
        raise ImageError(
            "too_many_pixels", f"an image may hold {max_pixels:,} pixels, but its header names more", "send a smaller image", 413
        ) from None
    except Image.DecompressionBombError:
        raise ImageError(
            "too_many_pixels", f"an image may hold {max_pixels:,} pixels, but its header names more", "send a smaller image", 413
        ) from None
    except Exception:
        raise ImageError(
            "not_an_image", f"the bytes are no {', '.join(FORMATS)} image", "send an image file of one of these types"
        ) from None
    with image:
        check_size(image.width, image.height, max_pixels)
        mode, kind = image.mode, str(image.format)
        try:
            several = _has_several_frames(image)
        except Exception:
            raise ImageError("damaged", f"the {kind} image is truncated or damaged", "send the whole, undamaged file") from None
        if several:
            raise ImageError("several_frames", "one picture is expected, but the file holds several frames", "send one frame")
        scans = _scans(data) if kind == "JPEG" else 0
        if scans > MAX_SCANS:
            raise ImageError("too_many_scans", f"a JPEG may hold {MAX_SCANS} scans, but this one holds {scans:,}", "save it again")
        try:
            plain = decode_plain(data) if kind == "PNG" else None
            pixels = _to_rgb(image) if plain is None else plain
        except Exception:
            raise ImageError("damaged", f"the {kind} image is truncated or damaged", "send the whole, undamaged file") from None
    return Decoded(pixels, mode, kind)


def _scans(data: bytes) -> int:
    """Count where a scan may start in a JPEG file; `data.count` takes five times as long."""
    values = np.frombuffer(data, np.uint8)
    return int(np.count_nonzero((values[:-1] == 0xFF) & (values[1:] == 0xDA)))


def _has_several_frames(image: Image.Image) -> bool:
    """Tell whether a file holds more than one picture. The pages of a TIFF are a chain, which is not followed to its end."""
    if image.format != "TIFF":
        return int(getattr(image, "n_frames", 1)) > 1
    try:
        image.seek(1)
    except EOFError:
        return False
    return True


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Check the size that a header names.

    Raises:
        ImageError: if it is too small or too large.
    """
    if width * height > max_pixels:
        raise ImageError(
            "too_many_pixels", f"an image may hold {max_pixels:,} pixels, but got {width} x {height}", "send a smaller image", 413
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError("too_small", f"each side must have {MIN_SIDE} pixels, but got {width} x {height}", "send the original image")


def _to_rgb(image: Image.Image) -> Pixels:
    ImageOps.exif_transpose(image, in_place=True)  # without a copy where there is nothing to turn
    if image.mode.startswith(("I", "F")):
        return _by_own_range(np.asarray(image))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _by_own_range(values: npt.NDArray[np.generic]) -> Pixels:
    """Scale [height, width] from its minimum and maximum to gray in RGB; a band of rows at a time, as float64 takes 8 bytes a pixel."""
    low, high = float(values.min()), float(values.max())
    pixels = np.zeros((*values.shape, 3), dtype=np.uint8)
    if high > low:
        for start in range(0, len(values), _BAND):
            band = values[start : start + _BAND].astype(np.float64)
            pixels[start : start + _BAND] = np.rint((band - low) * (255.0 / (high - low))).astype(np.uint8)[:, :, None]
    return pixels


def fit(pixels: Pixels, spec: Target) -> Pixels:
    """Bring an image to the size of the spec: uint8 [h, w, 3] -> uint8 [spec.height, spec.width, 3] (`serving.resizing`)."""
    return pixels if pixels.shape[:2] == (spec.height, spec.width) else resize(pixels, spec)
