import numpy as np
import pytest
from tiny_bundle import plain

from serving.contract import PROPERTIES
from serving.imaging import properties


def test_a_plain_image_has_its_colour_and_no_texture():
    found = properties(plain(255, 0, 51, height=20, width=40))
    assert found == pytest.approx(
        {
            "brightness": 0.299 + 0.114 * 0.2,
            "contrast": 0.0,
            "saturation": 1.0,
            "red": 1.0,
            "green": 0.0,
            "blue": 0.2,
            "sharpness": 0.0,
            "noise": 0.0,
            "width": 40.0,
            "height": 20.0,
            "aspect": 2.0,
        },
        abs=1e-6,
    )
    assert tuple(found) == PROPERTIES


def test_a_chessboard_is_as_sharp_as_can_be():
    # each pixel differs from its four neighbours by 1: the Laplacian is +4 or -4, its variance 16, its median size 4
    board = np.indices((18, 18)).sum(axis=0) % 2 * 255
    found = properties(np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8))
    assert (found["sharpness"], found["noise"], found["contrast"]) == pytest.approx((16.0, 4.0, 0.5), abs=1e-5)


@pytest.mark.parametrize("shape", [(17, 19), (20, 20), (16, 601)])
def test_the_noise_is_the_median_of_the_absolute_laplacian(shape: tuple[int, int]):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    left = max(0, (shape[1] - 512) // 2)
    gray = pixels[:, left : left + 512] / 255.0 @ [0.299, 0.587, 0.114]
    around = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
    assert properties(pixels)["noise"] == pytest.approx(np.median(np.abs(4 * gray[1:-1, 1:-1] - around)), abs=1e-5)
