"""The faster decoder of plain PNG gives what Pillow gives, and leaves to Pillow whatever is not plain."""

import io
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from serving import png
from serving.imaging import ImageError, decode

needs_decoder = pytest.mark.skipif("kornia_rs" not in sys.modules, reason="kornia_rs is not installed")


def picture(seed: int, height: int, width: int) -> np.ndarray:
    smooth = np.linspace(0, 200, height * width * 3).reshape(height, width, 3)
    return (smooth + np.random.default_rng(seed).integers(0, 50, smooth.shape)).astype(np.uint8)


def encoded(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


@needs_decoder
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(16, 90), st.integers(16, 90), st.integers(0, 9))
def test_a_plain_picture_is_decoded_to_exactly_its_pixels(seed: int, height: int, width: int, level: int) -> None:
    pixels = picture(seed, height, width)
    found = png.decode_plain(encoded(pixels, compress_level=level))
    assert found is not None
    assert found.flags.c_contiguous
    assert np.array_equal(found, pixels)


def with_text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", "x")
    return info


def rotated() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.parametrize(
    "data",
    [
        encoded(picture(0, 20, 30)[..., 0]),
        encoded(np.dstack([picture(0, 20, 30), picture(1, 20, 30)[..., :1]])),
        encoded(picture(0, 20, 30), exif=rotated()),
        encoded(picture(0, 20, 30), pnginfo=with_text()),
        encoded(picture(0, 20, 30), transparency=(0, 0, 0)),
        encoded(np.zeros((1025, 1024, 3), np.uint8)),
        encoded(picture(0, 20, 30)) + b"more",
        encoded(picture(0, 20, 30))[:-12],
        encoded(picture(0, 20, 30))[:20],
        b"",
    ],
    ids=["gray", "alpha", "rotated", "text", "transparent", "large", "longer", "cut", "header", "empty"],
)
def test_whatever_leaves_something_to_decide_is_not_plain(data: bytes) -> None:
    assert not png.is_plain(data)


def test_a_damaged_picture_is_refused_and_never_half_decoded() -> None:
    data = encoded(picture(0, 64, 64))
    refused = 0
    for place in range(40, len(data) - 12, 97):
        broken = data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]
        try:
            decode(broken)
        except ImageError:
            refused += 1
    assert refused == len(range(40, len(data) - 12, 97))


def test_without_the_decoder_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(picture(3, 50, 60))
    with_it = decode(data)
    monkeypatch.setattr(png, "_kornia", None)
    without = decode(data)
    assert np.array_equal(with_it.pixels, without.pixels)
    assert (with_it.mode, with_it.format) == (without.mode, without.format) == ("RGB", "PNG")
