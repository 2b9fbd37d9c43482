import io

import numpy as np
import pytest
from PIL import Image
from tiny_bundle import plain

from serving.contract import PROPERTIES
from serving.measure import properties


def smooth(side: int = 256, seed: int = 0) -> np.ndarray:
    """A picture with slopes and a little noise, uint8 [side, side, 3]."""
    y, x = np.mgrid[0:side, 0:side] / side
    random = np.random.default_rng(seed)
    planes = [110 + 60 * np.sin(9 * x + channel) * np.cos(7 * y) + random.normal(0, 6, (side, side)) for channel in range(3)]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


def as_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0)
    return np.asarray(Image.open(buffer))


def test_a_plain_image_has_its_colour_and_no_texture():
    found = properties(plain(255, 0, 51, height=20, width=40))
    assert {name: value for name, value in found.items() if name not in ("haematoxylin", "eosin")} == pytest.approx(
        {
            "brightness": 0.299 + 0.114 * 0.2,
            "contrast": 0.0,
            "saturation": 1.0,
            "red": 1.0,
            "green": 0.0,
            "blue": 0.2,
            "sharpness": 0.0,
            "noise": 0.0,
            "compression": 0.0,
            "width": 40.0,
            "height": 20.0,
            "aspect": 2.0,
        },
        abs=1e-6,
    )
    assert tuple(found) == PROPERTIES


@pytest.mark.parametrize(
    ("haematoxylin", "eosin"),
    [(0.0, 0.0), (0.8, 0.0), (0.0, 0.6), (0.5, 0.3)],
)
def test_the_amounts_of_two_stains_are_found_again_in_the_light_that_they_let_through(haematoxylin, eosin):
    # unit densities of Ruifrok and Johnston's table, divided by their lengths 0.9983 and 0.9986
    density = haematoxylin * np.array([0.65, 0.70, 0.29]) / 0.9983 + eosin * np.array([0.07, 0.99, 0.11]) / 0.9986
    light = np.rint(256 * 10**-density - 1)
    found = properties(plain(*(int(each) for each in light)))
    assert (found["haematoxylin"], found["eosin"]) == pytest.approx((haematoxylin, eosin), abs=0.02)


def test_a_chessboard_is_as_sharp_as_can_be():
    # each pixel differs from its four neighbours by 1: the Laplacian is +4 or -4, its variance 16, its median size 4
    board = np.indices((18, 18)).sum(axis=0) % 2 * 255
    found = properties(np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8))
    assert (found["sharpness"], found["noise"], found["contrast"]) == pytest.approx((16.0, 4.0, 0.5), abs=1e-5)


@pytest.mark.parametrize("shape", [(17, 19), (20, 20), (16, 601), (300, 300)])
def test_the_noise_is_the_median_of_the_absolute_laplacian_at_every_second_pixel_of_the_centre(shape: tuple[int, int]):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    top, left = (max(0, (side - 256) // 2) for side in shape)
    gray = pixels[top : top + 256, left : left + 256] / 255.0 @ [0.299, 0.587, 0.114]
    around = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
    laplacian = np.abs(4 * gray[1:-1, 1:-1] - around)
    assert properties(pixels)["noise"] == pytest.approx(np.median(laplacian[::2, ::2]), abs=1e-5)


def test_compression_rises_as_the_quality_of_a_jpeg_falls_and_is_nearly_none_without():
    found = [properties(as_jpeg(smooth(), quality))["compression"] for quality in (95, 50, 20, 8)]
    assert properties(smooth())["compression"] < 0.02
    assert found == sorted(found)
    assert found[-1] > 0.4


def test_the_blocks_of_a_compressed_image_are_found_wherever_a_crop_begins():
    whole = as_jpeg(smooth(), 10)
    shifted = properties(np.ascontiguousarray(whole[3:-5, 6:-2]))["compression"]
    assert shifted == pytest.approx(properties(whole)["compression"], rel=0.1)


def test_a_large_image_has_the_colour_of_its_evenly_spaced_pixels():
    pixels = np.random.default_rng(1).integers(0, 256, (600, 512, 3), dtype=np.uint8)
    found = properties(pixels)
    assert found["red"] == pytest.approx(pixels[44:556:2, ::2, 0].mean() / 255, abs=1e-6)  # the central 512 rows begin at 44
    assert found["height"] == 600.0
