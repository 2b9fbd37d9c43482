import itertools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from components.domain.corruptions import CORRUPTIONS, MEANINGS, SEVERITIES, applicable, corrupt, is_gray
from components.domain.errors import InputError

COLOURED = np.random.default_rng(0).integers(60, 200, (64, 48, 3)).astype(np.uint8)
GRAY = np.repeat(COLOURED[..., :1], 3, axis=-1)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_every_corruption_keeps_the_shape_leaves_its_input_alone_and_gives_the_same_again(kind):
    before = COLOURED.copy()
    once, again = (corrupt(COLOURED, kind, 3, seed=1) for _ in range(2))
    assert once.shape == COLOURED.shape and once.dtype == np.uint8
    assert (once == again).all() and (before == COLOURED).all() and (once != COLOURED).any()


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_a_higher_severity_changes_more(kind):
    changes = [np.abs(corrupt(COLOURED, kind, severity, seed=0).astype(int) - COLOURED).mean() for severity in range(1, 6)]
    assert all(low < high for low, high in itertools.pairwise(changes)), changes


@pytest.mark.parametrize("kind", [kind for kind in CORRUPTIONS if kind != "stain"])
def test_gray_pictures_stay_gray(kind):
    assert (np.ptp(corrupt(GRAY, kind, 5, seed=0), axis=-1) == 0).all()


@pytest.mark.parametrize(
    ("kind", "severity", "expected"),
    [
        ("brighter", 2, 126),  # 100 + 0.1 * 255 = 125.5, rounded to even
        ("darker", 5, 24),  # 100 - 0.3 * 255 = 23.5, rounded to even
        ("contrast", 1, 100),  # a flat image is its own mean
        ("gain", 5, 160),  # 255 * sqrt(100 / 255) = 159.7
        ("blur", 5, 100),
    ],
)
def test_a_flat_image_has_the_value_worked_by_hand(kind, severity, expected):
    flat = np.full((32, 32, 3), 100, dtype=np.uint8)
    assert (corrupt(flat, kind, severity, seed=0) == expected).all()


def test_noise_and_speckle_have_the_stated_deviation():
    flat = np.full((200, 200, 3), 128, dtype=np.uint8)
    noise = corrupt(flat, "noise", 3, seed=0).astype(float)
    assert noise.std() / 255 == pytest.approx(SEVERITIES["noise"][2], rel=0.03)
    assert corrupt(flat, "speckle", 2, seed=0).std() / 128 == pytest.approx(SEVERITIES["speckle"][1], rel=0.03)


def test_noise_follows_the_seed():
    assert (corrupt(COLOURED, "noise", 1, seed=0) != corrupt(COLOURED, "noise", 1, seed=1)).any()


def test_a_blur_is_that_of_scipy_and_grows_with_the_image():
    image = np.zeros((224, 224, 3), dtype=np.uint8)
    image[80:140, 80:140] = 200
    expected = gaussian_filter(image.astype(float), (2.0, 2.0, 0.0))
    assert np.abs(corrupt(image, "blur", 4, seed=0) - expected).max() < 8
    double = image.repeat(2, axis=0).repeat(2, axis=1)
    assert np.abs(corrupt(double, "blur", 4, seed=0) - gaussian_filter(double.astype(float), (4.0, 4.0, 0.0))).max() < 8


def test_more_stain_darkens_a_purple_nucleus_and_a_white_slide_stays_white():
    nucleus = np.full((8, 8, 3), (110, 80, 160), dtype=np.uint8)
    assert corrupt(nucleus, "stain", 4, seed=0)[..., 0].mean() < 110
    white = np.full((8, 8, 3), 255, dtype=np.uint8)
    assert (corrupt(white, "stain", 5, seed=0) == 255).all()


def test_gray_images_have_no_stain_and_coloured_ones_no_speckle():
    assert "stain" not in applicable(GRAY[None]) and "speckle" in applicable(GRAY[None])
    assert "stain" in applicable(COLOURED[None]) and "speckle" not in applicable(COLOURED[None])


def test_a_few_coloured_marks_and_pictures_leave_a_set_gray():
    marked = GRAY.copy()
    marked[:2, :10] = (255, 200, 0)
    assert is_gray(marked) and "stain" not in applicable(np.stack([marked, GRAY, COLOURED]))


def test_every_corruption_has_five_severities_and_a_meaning():
    assert set(MEANINGS) == set(CORRUPTIONS) and {len(values) for values in SEVERITIES.values()} == {5}


@pytest.mark.parametrize(("kind", "severity"), [("fog", 1), ("noise", 0), ("noise", 6)])
def test_what_does_not_exist_is_refused(kind, severity):
    with pytest.raises(InputError, match="must be"):
        corrupt(COLOURED, kind, severity, seed=0)
