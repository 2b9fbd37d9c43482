"""DICOM to uint8 RGB, the part of the image decoder (`serving.imaging`) that needs pydicom.

What it decides, in this order: size limits are checked on the header before any pixel is decoded; several frames are refused;
`MONOCHROME*` values are rescaled, then windowed as the file says (VOI table, first window, else 8 bits as they are and more bits by
their own minimum and maximum, as other 16-bit images), and `MONOCHROME1` is inverted; `YBR_*` and palettes become RGB. Of everything
else in the file, the patient's identity above all, nothing is returned or logged. What is burned into the pixels stays there.
"""

import io
import logging
import struct
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from serving.imaging import Decoded, ImageError, Pixels, check_size

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

PREFIX = b"DICM"
_PREAMBLE = 128
_GRAY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_PALETTE = "PALETTE COLOR"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_UNKNOWN = "compressed in a way that is not read here"
_RLE = "1.2.840.10008.1.2.5"
_EXPLICIT = "1.2.840.10008.1.2.1"
_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
_FIRST_TYPES = (b"UL", b"UI", b"CS", b"SH", b"DA")

Values = npt.NDArray[np.float64]


def is_dicom(data: bytes) -> bool:
    """Tell by content whether bytes are a DICOM file: by its prefix, or without one by how a data set begins."""
    return data[_PREAMBLE : _PREAMBLE + 4] == PREFIX or (data[:2] in _FIRST_GROUPS and data[4:6] in _FIRST_TYPES)


def decode_dicom(data: bytes, *, max_pixels: int) -> Decoded:
    """Decode one DICOM image.

    Args:
        data: the bytes of the file.
        max_pixels: the largest width x height that is decoded.

    Returns:
        The pixels as uint8 RGB, [height, width, 3]; the mode is the photometric interpretation and the bits, as in "MONOCHROME2 12-bit".

    Raises:
        ImageError: if it holds no picture, is damaged, compressed in an unknown way or breaks a limit.
    """
    from pydicom import dcmread

    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings quote values of the file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _check_start(data)
            found = dcmread(io.BytesIO(data), force=True)
            _check_header(found, max_pixels)
            pixels = _to_rgb(found)
        except ImageError:
            raise
        except Exception:  # of whatever pydicom makes of a broken file
            raise ImageError("damaged", "the DICOM image is truncated or damaged", "send the whole, undamaged file") from None
    return Decoded(pixels, f"{found.PhotometricInterpretation} {found.BitsStored}-bit", "DICOM")


def _unsupported(how: str) -> ImageError:
    return ImageError(
        "unsupported_compression", f"the DICOM image is {how}", "export it uncompressed (gdcmconv --raw), or as JPEG, JPEG 2000 or RLE", 415
    )


def _how(syntax: "UID") -> str:
    """Say how a picture is compressed; only a name of the standard, as a file may write anything."""
    return f"compressed as {syntax.name}, which is not read here" if syntax.is_transfer_syntax and not syntax.is_private else _UNKNOWN


def _check_start(data: bytes) -> None:
    """Refuse a deflated data set, which pydicom unpacks whole, to any size, before a limit can be checked."""
    if _transfer_syntax(data) == _DEFLATED:
        raise _unsupported("deflated")


def _transfer_syntax(data: bytes) -> str:
    """Return the transfer syntax that the header names, "" if it names none, without reading further."""
    place = _PREAMBLE + 4 if data[_PREAMBLE : _PREAMBLE + 4] == PREFIX else 0
    while place + 8 <= len(data):
        group, element, kind = struct.unpack_from("<HH2s", data, place)
        if group != 2:
            return ""
        long = kind in _LONG
        (length,) = struct.unpack_from("<I" if long else "<H", data, place + (8 if long else 6))
        place += 12 if long else 8
        if element == 0x0010:
            return data[place : place + length].rstrip(b"\0 ").decode("ascii", "replace")
        place += length
    return ""


def _check_header(found: "Dataset", max_pixels: int) -> None:
    if not all(name in found for name in ("Rows", "Columns", "PhotometricInterpretation", "BitsAllocated")) or not any(
        name in found for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    ):
        raise ImageError("no_picture", "the DICOM file holds no picture", "send a file of an image series, not a report or a plan")
    if "BitsStored" not in found:
        found.BitsStored = found.BitsAllocated
    check_size(int(found.Columns), int(found.Rows), max_pixels)
    frames = int(found.get("NumberOfFrames") or 1)
    if frames > 1:
        raise ImageError("several_frames", f"one picture is expected, but the file holds {frames} frames", "send one frame")
    if found.PhotometricInterpretation not in (*_GRAY, *_COLOUR, _PALETTE):
        raise ImageError(
            "unsupported_colours", "the DICOM image has a colour space that is not read", "export it as RGB or MONOCHROME2", 415
        )
    meta: Any = found.file_meta
    if not meta.get("TransferSyntaxUID"):
        meta.TransferSyntaxUID = _EXPLICIT if found.original_encoding[0] is False else "1.2.840.10008.1.2"
    if meta.TransferSyntaxUID.is_encapsulated:
        _check_stream(found)


def _check_stream(found: "Dataset") -> None:
    """Check that a compressed picture unpacks to the size that the header names, so that it cannot fill the memory."""
    from pydicom.encaps import generate_frames
    from pydicom.pixels.decoders.base import get_decoder

    syntax = found.file_meta.TransferSyntaxUID
    try:
        usable = get_decoder(syntax).is_available
    except NotImplementedError:
        usable = False
    if not usable:
        raise _unsupported(_how(syntax))
    frame = next(generate_frames(found.PixelData, number_of_frames=1))
    if syntax == _RLE:
        expected = int(found.Rows) * int(found.Columns) * int(found.get("SamplesPerPixel", 1)) * (int(found.BitsAllocated) // 8)
        if _rle_length(frame, expected + 64) > expected + 64:
            raise ValueError("more pixels than the header says")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000"))
        except UnidentifiedImageError:  # such as JPEG of 12 bits
            raise _unsupported(_how(syntax)) from None
        with image:
            if image.size != (int(found.Columns), int(found.Rows)):
                raise ValueError("another size than the header says")


def _rle_length(frame: bytes, most: int) -> int:
    """Return to how many bytes a run-length encoded frame unpacks; stops counting beyond `most`."""
    segments, *offsets = struct.unpack_from("<16L", frame)
    ends = [*offsets[1:segments], len(frame)]
    total = 0
    for start, end in zip(offsets[:segments], ends, strict=True):
        place = start
        while place < end and total <= most:
            control = frame[place]
            if control < 128:
                total += control + 1
                place += control + 2
            else:
                total += 257 - control if control > 128 else 0
                place += 2 if control > 128 else 1
    return total


def _to_rgb(found: "Dataset") -> Pixels:
    from pydicom.pixels.processing import apply_color_lut

    kind = found.PhotometricInterpretation
    values = found.pixel_array
    if kind == _PALETTE:
        values = apply_color_lut(values, found)
        return _rgb(values, values.dtype.itemsize * 8)
    if kind in _GRAY:
        gray = _windowed(values, found)
        gray = 255.0 - gray if kind == "MONOCHROME1" else gray
        return np.repeat(np.rint(gray).astype(np.uint8)[:, :, None], 3, axis=2)
    return _rgb(values, int(found.BitsStored))


def _rgb(values: npt.NDArray[Any], bits: int) -> Pixels:
    """Bring colours of any number of bits to 8."""
    if values.ndim != 3 or values.shape[2] != 3:
        raise ValueError("colours must have three channels")
    if bits != 8:
        values = np.rint(values.astype(np.float64) * (255.0 / (2**bits - 1)))
    return np.ascontiguousarray(np.clip(values, 0, 255).astype(np.uint8))


def _windowed(stored: npt.NDArray[Any], found: "Dataset") -> Values:
    """Return what a viewer shows of gray values: float [height, width] in [0, 255] (DICOM PS3.3, C.11.1 and C.11.2)."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi

    if stored.ndim != 2:
        raise ValueError("gray values must have one channel")
    values: Values = np.asarray(apply_modality_lut(stored, found), dtype=np.float64)
    if "VOILUTSequence" in found:
        bits = int(found.VOILUTSequence[0].LUTDescriptor[2])
        table: Values = np.asarray(apply_voi(values.astype(np.int64), found), dtype=np.float64) * (255.0 / (2**bits - 1))
        return np.clip(table, 0.0, 255.0)
    window = _first(found.get("WindowCenter")), _first(found.get("WindowWidth"))
    if window[0] is not None and window[1] is not None and window[1] >= 1:
        return _apply_window(values, window[0], window[1], str(found.get("VOILUTFunction") or "LINEAR"))
    if int(found.BitsStored) == 1:
        return values * 255.0
    if int(found.BitsStored) == 8 and stored.dtype == np.uint8 and np.array_equal(values, stored):
        return values
    low, high = float(values.min()), float(values.max())
    return (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)


def _apply_window(values: Values, center: float, width: float, function: str) -> Values:
    """Apply a window: `LINEAR`, `LINEAR_EXACT` or `SIGMOID`."""
    if function == "SIGMOID":
        result: Values = 255.0 / (1.0 + np.exp(-4.0 * (values - center) / width))
    elif function == "LINEAR_EXACT" or width <= 1:
        result = ((values - center) / width + 0.5) * 255.0
    else:
        result = ((values - (center - 0.5)) / (width - 1.0) + 0.5) * 255.0
    return np.clip(result, 0.0, 255.0)


def _first(value: Any) -> float | None:  # noqa: ANN401 - one number, several, or none
    try:
        return float(value[0] if hasattr(value, "__getitem__") and not isinstance(value, str) else value)
    except (TypeError, ValueError, IndexError):
        return None
