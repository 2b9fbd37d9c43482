"""The one decoder: every mode that image files come in, as uint8 RGB, and what it refuses."""

import io
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.imaging import FORMATS, ImageError, decode

SIDE = 16


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def filled(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, (SIDE, SIDE), colour)


def ramp(dtype: type, low: float, high: float) -> Image.Image:
    return Image.fromarray(np.linspace(low, high, SIDE * SIDE).reshape(SIDE, SIDE).astype(dtype))


def palette(transparent: bool = False) -> tuple[Image.Image, dict[str, int]]:
    image = filled("P", 1)
    image.putpalette([0, 0, 0, 200, 60, 20])
    return image, {"transparency": 1} if transparent else {}


@pytest.mark.parametrize(
    ("data", "colour", "mode"),
    [
        (encoded(filled("RGB", (200, 60, 20))), [200, 60, 20], "RGB"),
        (encoded(filled("L", 77)), [77, 77, 77], "L"),
        (encoded(filled("1", 1)), [255, 255, 255], "1"),
        (encoded(palette()[0]), [200, 60, 20], "P"),
        (encoded(palette()[0], "BMP"), [200, 60, 20], "P"),
        (encoded(palette(True)[0], transparency=1), [255, 255, 255], "P"),
        (encoded(filled("RGBA", (200, 60, 20, 255))), [200, 60, 20], "RGBA"),
        (encoded(filled("RGBA", (200, 60, 20, 0))), [255, 255, 255], "RGBA"),
        (encoded(filled("RGBA", (0, 0, 0, 128))), [127, 127, 127], "RGBA"),
        (encoded(filled("LA", (10, 0))), [255, 255, 255], "LA"),
        (encoded(filled("RGBA", (200, 60, 20, 0)), "WEBP", lossless=True), [255, 255, 255], "RGBA"),
        (encoded(filled("RGBA", (200, 60, 20, 0)), "TIFF"), [255, 255, 255], "RGBA"),
        (encoded(filled("CMYK", (0, 255, 255, 0)), "TIFF"), [255, 0, 0], "CMYK"),
        (encoded(filled("RGB", (200, 60, 20)), "TIFF", compression="tiff_lzw"), [200, 60, 20], "RGB"),
        (encoded(filled("RGB", (200, 60, 20)), "WEBP", lossless=True), [200, 60, 20], "RGB"),
    ],
)
def test_every_mode_becomes_rgb(data: bytes, colour: list[int], mode: str) -> None:
    found = decode(data)
    assert found.pixels.dtype == np.uint8
    assert found.pixels.shape == (SIDE, SIDE, 3)
    assert found.pixels.flags.c_contiguous
    assert np.unique(found.pixels.reshape(-1, 3), axis=0).tolist() == [colour]
    assert found.mode == mode


def test_cmyk_of_a_jpeg_becomes_rgb() -> None:
    found = decode(encoded(filled("CMYK", (0, 255, 255, 0)), "JPEG", quality=100))
    assert found.mode == "CMYK"
    assert found.pixels[0, 0] == pytest.approx([255, 0, 0], abs=3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("low", "high"), [(0, 65535), (1000, 3000)])
def test_sixteen_bits_are_scaled_by_their_own_ends(kind: str, low: int, high: int) -> None:
    found = decode(encoded(ramp(np.uint16, low, high), kind))
    assert found.mode == "I;16"
    values = np.linspace(low, high, SIDE * SIDE).astype(np.uint16).astype(float)
    assert np.array_equal(found.pixels[..., 0].ravel(), np.rint((values - low) * 255 / (high - low)).astype(np.uint8))
    assert (found.pixels == found.pixels[..., :1]).all()


def test_a_large_sixteen_bit_image_is_scaled_in_little_more_memory_than_it_holds() -> None:
    height, width = 1500, 2000
    data = encoded(Image.fromarray(np.arange(height * width, dtype=np.uint32).reshape(height, width).astype(np.uint16)), "TIFF")
    tracemalloc.start()
    pixels = decode(data).pixels
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(pixels[1300, :, 0], np.rint(((1300 * width + np.arange(width)) % 65536) / 257).astype(np.uint8))
    assert peak < 12 * height * width  # 2 as read, 2 as an array, 3 as RGB, 3 when copied; float64 alone would be 8 more, twice


def test_floats_and_32_bits_are_scaled_alike_and_an_even_tone_is_black() -> None:
    for image in (ramp(np.float32, -0.5, 0.5), ramp(np.int32, -70000, 70000)):
        pixels = decode(encoded(image, "TIFF")).pixels
        assert (pixels.min(), pixels.max()) == (0, 255)
    assert decode(encoded(filled("I;16", 900))).pixels.max() == 0


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (4, (-1, 0)), (5, (0, 0)), (6, (0, -1)), (7, (-1, -1)), (8, (-1, 0))],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_rotation_of_exif_is_applied(kind: str, orientation: int, corner: tuple[int, int]) -> None:
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:16, :16] = 255  # marks the upper left corner as stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(encoded(Image.fromarray(pixels), kind, exif=exif)).pixels
    assert found.shape == ((32, 48, 3) if orientation <= 4 else (48, 32, 3))
    corners = {place: int(found[place].mean()) for place in ((0, 0), (0, -1), (-1, 0), (-1, -1))}
    assert {place for place, value in corners.items() if value > 128} == {corner}


def test_the_type_is_told_by_content(tmp_path: Path) -> None:
    for kind in ("PNG", "JPEG", "TIFF", "BMP", "WEBP"):
        assert decode(encoded(filled("RGB", (9, 9, 9)), kind)).format == kind
    assert set(FORMATS) == {"PNG", "JPEG", "TIFF", "BMP", "WEBP", "DICOM"}


@pytest.mark.parametrize("kind", ["GIF", "ICO", "PPM", "PDF"])
def test_other_types_are_refused(kind: str) -> None:
    with pytest.raises(ImageError, match="the bytes are no PNG, JPEG, TIFF, BMP, WEBP, DICOM image; send an image file"):
        decode(encoded(filled("RGB", (9, 9, 9)), kind))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_a_cut_file_is_refused(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    with pytest.raises(ImageError) as caught:
        decode(data[: len(data) // 2])
    assert caught.value.code in ("damaged", "not_an_image")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_several_frames_are_refused(kind: str) -> None:
    more = [filled("RGB", (red, 0, 0)) for red in (50, 100)]
    with pytest.raises(ImageError, match="one picture is expected, but the file holds several frames"):
        decode(encoded(filled("RGB", (0, 0, 0)), kind, save_all=True, append_images=more))


def test_limits_stand_before_decoding() -> None:
    data = encoded(filled("RGB", (0, 0, 0)))
    with pytest.raises(ImageError, match="may hold 255 pixels, but got 16 x 16"):
        decode(data, max_pixels=255)
    with pytest.raises(ImageError, match="may hold 10 bytes"):
        decode(data, max_bytes=10)
    with pytest.raises(ImageError, match="each side must have 16 pixels, but got 15 x 40"):
        decode(encoded(Image.new("RGB", (15, 40))))
    with pytest.raises(ImageError, match="holds 0 bytes"):
        decode(b"")


def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded():
    buffer = io.BytesIO()
    Image.new("RGB", (4000, 4000), (200, 60, 20)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    assert decode(data).pixels.shape == (4000, 4000, 3)
    began = time.monotonic()
    with pytest.raises(ImageError) as caught:
        decode(data[:-2] + data[last:-2] * 20_000 + data[-2:])
    assert caught.value.code == "too_many_scans"
    assert time.monotonic() - began < 0.5


def test_a_tiff_of_endless_pages_is_refused_without_reading_them():
    fields = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 273: 8, 278: 16, 279: 256}  # size, bits, kind, place of the pixels
    page = struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items())
    size = len(page) + 4
    pages = b"".join(page + struct.pack("<I", 8 + (index + 1) * size) for index in range(50_000))
    began = time.monotonic()
    with pytest.raises(ImageError) as caught:
        decode(b"II*\0" + struct.pack("<I", 8) + pages)
    assert caught.value.code == "several_frames"
    assert time.monotonic() - began < 0.5


def test_a_tiff_whose_second_page_is_broken_is_damaged():
    buffer = io.BytesIO()
    frame = Image.new("RGB", (32, 32))
    frame.save(buffer, "TIFF")
    data = bytearray(buffer.getvalue())
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    struct.pack_into("<I", data, start + 2 + 12 * count, 4)  # the next page would lie in the header
    with pytest.raises(ImageError) as caught:
        decode(bytes(data))
    assert caught.value.code in ("damaged", "several_frames")
