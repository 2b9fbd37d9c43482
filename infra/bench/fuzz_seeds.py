"""The seed corpus of `fuzz.py`: small files of every kind, sound and unsound, made here and not kept."""

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image, PngImagePlugin

Pixels = np.ndarray


@cache
def corpus() -> dict[str, bytes]:
    """Return files by what they are."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (40, 48, 3), dtype=np.uint8)
    red = np.tile(np.array([200, 60, 20], dtype=np.uint8), (64, 48, 1))
    gray16 = random.integers(0, 65536, (40, 48), dtype=np.uint16)
    frames = [Image.fromarray(noise), Image.fromarray(noise[::-1])]
    many = {"save_all": True, "append_images": frames[1:]}
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 100_000, zip=True)
    return {
        "png": _file(red, "PNG"), "png noise": _file(noise, "PNG"), "png 16 bits": _file(gray16, "PNG"),
        "png palette": _file(noise, "PNG", mode="P"), "png text": _file(red, "PNG", pnginfo=text),
        "png alpha": _file(noise, "PNG", mode="RGBA"),
        "png huge": png_header(65535, 65535), "png zero": png_header(0, 0), "apng": _file(noise, "PNG", **many),
        "jpeg": _file(noise, "JPEG"), "jpeg progressive": _file(noise, "JPEG", progressive=True),
        "jpeg cmyk": _file(noise, "JPEG", mode="CMYK"),
        "jpeg exif": _file(noise, "JPEG", exif=_turned()), "jpeg gray": _file(noise, "JPEG", mode="L"),
        "jpeg huge": _file(noise, "JPEG").replace(struct.pack(">HH", 40, 48), struct.pack(">HH", 65500, 65500), 1),
        "tiff": _file(noise, "TIFF"), "tiff lzw": _file(noise, "TIFF", compression="tiff_lzw"), "tiff pages": _file(noise, "TIFF", **many),
        "tiff float": _file(noise[..., 0].astype(np.float32), "TIFF"), "tiff loop": tiff_loop(), "bmp": _file(noise, "BMP"),
        "webp": _file(noise, "WEBP"), "webp lossless": _file(noise, "WEBP", lossless=True), "webp frames": _file(noise, "WEBP", **many),
        "gif": _file(noise, "GIF"), "ppm": _file(noise, "PPM"), "ico": _file(noise, "ICO"), "dicom": dicom(noise),
        "polyglot": _file(red, "PNG") + b"<script>alert(1)</script>PK\x03\x04%PDF-1.7", "html": b"<html><script>alert(1)</script></html>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', "zip": b"PK\x05\x06" + b"\0" * 18,
        "json": b'{"image": "' + b"x" * 100 + b'"}', "empty": b"",
    }  # fmt: skip


def _file(pixels: Pixels, kind: str, mode: str = "", **options: object) -> bytes:
    image, buffer = Image.fromarray(pixels), io.BytesIO()
    (image.convert(mode) if mode else image).save(buffer, kind, **options)
    return buffer.getvalue()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that names a size and holds a few bytes of it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    parts = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (header, data, b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff_loop() -> bytes:
    """Return a TIFF whose chain of pages leads back to itself."""
    fields = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 273: 8, 278: 16, 279: 256}
    directory = struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items())
    return b"II*\0" + struct.pack("<I", 264) + bytes(range(256)) + directory + struct.pack("<I", 264)


def dicom(pixels: Pixels) -> bytes:
    """Return an uncompressed DICOM file of colours."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", generate_uid(entropy_srcs=["lobule"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.Rows, file.Columns, file.SamplesPerPixel, file.PhotometricInterpretation = *pixels.shape[:2], 3, "RGB"
    file.BitsAllocated = file.BitsStored = 8
    file.HighBit, file.PixelRepresentation, file.PlanarConfiguration = 7, 0, 0
    file.PixelData = pixels.tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, file, enforce_file_format=True)
    return buffer.getvalue()
