"""The faster resize gives what Pillow gives, to within one or two of 255, whatever is shrunk or enlarged, stretched or cropped."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from serving import resizing
from serving.contract import ImageSpec
from serving.imaging import fit

needs_resizer = pytest.mark.skipif("cykooz_resizer" not in sys.modules, reason="cykooz_resizer is not installed")
SIDES = st.integers(16, 300)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_pillow(pixels: np.ndarray, spec: ImageSpec) -> np.ndarray:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resizing, "_fast", None)
        return fit(pixels, spec)


@needs_resizer
@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(["stretch", "crop"]))
def test_both_ways_differ_by_two_at_most_and_stretched_by_one(height: int, width: int, to_height: int, to_width: int, how: str) -> None:
    pixels, spec = noise(height, width), ImageSpec(height=to_height, width=to_width, fit=how)
    fast, slow = fit(pixels, spec), by_pillow(pixels, spec)
    assert fast.shape == slow.shape == (to_height, to_width, 3)
    assert fast.dtype == np.uint8
    assert int(np.abs(fast.astype(int) - slow).max()) <= (1 if how == "stretch" else 2)


@needs_resizer
def test_they_differ_by_less_than_a_quarter_of_a_gray_level_in_the_mean() -> None:
    pixels, spec = noise(500, 500), ImageSpec(height=224, width=224)
    difference = fit(pixels, spec).astype(int) - by_pillow(pixels, spec)
    assert np.abs(difference).mean() < 0.25
    assert abs(difference.mean()) < 0.25


@pytest.mark.parametrize("size", [(460, 700), (700, 460), (33, 97)])
def test_a_crop_without_the_resizer_is_that_of_pillow(size: tuple[int, int]) -> None:
    pixels, spec = noise(*size), ImageSpec(height=64, width=48, fit="crop")
    expected = np.asarray(ImageOps.fit(Image.fromarray(pixels), (48, 64), Image.Resampling.BILINEAR))
    assert int(np.abs(by_pillow(pixels, spec).astype(int) - expected).max()) <= 1


def test_shrinking_takes_the_mean_and_not_single_pixels() -> None:
    board = np.zeros((64, 64, 3), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 200  # a chessboard: single pixels would give 0 or 200
    small = fit(board, ImageSpec(height=16, width=16))
    assert small[4:-4, 4:-4].min() >= 99
    assert small[4:-4, 4:-4].max() <= 101


def test_an_image_of_the_size_is_kept_as_it_is() -> None:
    pixels = noise(20, 30)
    assert fit(pixels, ImageSpec(height=20, width=30)) is pixels


def test_threads_do_not_disturb_each_other() -> None:
    spec = ImageSpec(height=64, width=64)
    images = [noise(200, 200, seed) for seed in range(8)]
    expected = [fit(pixels, spec) for pixels in images]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda turn: fit(images[turn % 8], spec), range(240)))
    assert all(np.array_equal(one, expected[turn % 8]) for turn, one in enumerate(found))
