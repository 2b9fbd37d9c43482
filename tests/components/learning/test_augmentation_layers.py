"""The augmentation layers change training images only, reproducibly, and stay within the value range."""

import ast
from dataclasses import fields
from pathlib import Path

import keras
import numpy as np
import pytest

from components.domain.augmentation import Augmentation
from components.learning import augmentation
from components.learning.geometry_layers import Warp, WideZoom
from components.learning.stain_layers import HED, StainJitter
from components.learning.ultrasound_layers import Gain, Speckle

SINGLE = {
    "flips": "both",
    "rotation": 30.0,
    "zoom": 0.2,
    "translation": 0.1,
    "shear": 0.2,
    "crop": 0.3,
    "brightness": 0.2,
    "contrast": 0.2,
    "grayscale": 1.0,
    "stain": 0.2,
    "hed": 0.1,
    "speckle": 0.2,
    "gain": 0.5,
    "randaugment": 0.3,
}
"""Each setting that keeps the label, by itself."""
FULL = Augmentation(**SINGLE)


def images(seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (6, 32, 32, 3)).astype(np.float32)


def apply(policy, seed, training=True):
    return np.asarray(augmentation.build(policy, 32, seed=seed)(images(), training=training))


def alone(name, value):
    return Augmentation(**{"flips": "none", name: value})


def test_every_setting_that_keeps_the_label_is_tested_here():
    assert {each.name for each in fields(Augmentation)} - {"mixup", "cutmix"} == set(SINGLE)


@pytest.mark.parametrize("policy", [FULL, Augmentation(zoom=2.0), *(alone(*each) for each in SINGLE.items())], ids=str)
def test_outside_training_nothing_changes(policy):
    np.testing.assert_array_equal(apply(policy, 1, training=False), images())


@pytest.mark.parametrize(("name", "value"), [*SINGLE.items(), ("zoom", 2.0)])
def test_a_setting_alone_changes_images_within_their_range_and_equally_for_equal_seeds(name, value):
    changed = apply(alone(name, value), 5)
    assert changed.shape == images().shape
    assert np.abs(changed - images()).mean() > 0.5
    assert changed.min() >= 0
    assert changed.max() <= 255
    np.testing.assert_array_equal(changed, apply(alone(name, value), 5))


@pytest.mark.parametrize("name", [name for name in SINGLE if name != "grayscale"])
def test_another_seed_makes_other_changes(name):
    assert not np.array_equal(apply(alone(name, SINGLE[name]), 5), apply(alone(name, SINGLE[name]), 6))


def test_in_training_every_image_changes_and_stays_in_range():
    changed = apply(FULL, 1)
    assert (np.abs(changed - images()).mean(axis=(1, 2, 3)) > 1).all()
    assert changed.min() >= 0
    assert changed.max() <= 255


def test_equal_seeds_make_equal_changes_and_other_seeds_others():
    np.testing.assert_array_equal(apply(FULL, 5), apply(FULL, 5))
    assert not np.array_equal(apply(FULL, 5), apply(FULL, 6))


def test_contrast_goes_both_ways():
    source = np.broadcast_to(np.linspace(60, 190, 32, dtype=np.float32)[None, :, None, None], (100, 32, 32, 3))
    changed = np.asarray(augmentation.build(alone("contrast", 0.2), 32, seed=0)(source, training=True))
    factors = np.ptp(changed, axis=(1, 2, 3)) / 130
    assert 0.8 <= factors.min() < 0.83
    assert 1.17 < factors.max() <= 1.2


def test_stain_jitter_scales_a_channel_of_an_image_by_one_factor():
    source = np.full((3, 32, 32, 3), 100, np.float32)
    changed = np.asarray(augmentation.build(Augmentation(flips="none", stain=0.1), 32, seed=2)(source, training=True))
    spread = changed.max(axis=(1, 2)) - changed.min(axis=(1, 2))
    assert np.allclose(spread, 0)
    factors = changed[:, 0, 0] / 100
    assert ((factors >= 0.9) & (factors <= 1.1)).all()
    assert len(np.unique(factors.round(6))) == 9


def test_hed_jitter_scales_and_shifts_the_amount_of_each_stain_by_one_draw_for_an_image():
    amounts = np.array([[0.2, 0.3, 0.05], [0.8, 0.3, 0.05], [0.2, 0.9, 0.05], [0.2, 0.3, 0.25]])  # four pixels, three stains
    pixels = (255 * np.exp(-amounts @ HED)).astype(np.float32).reshape(1, 2, 2, 3)
    changed = np.asarray(StainJitter(0.1, seed=3)(pixels, training=True)).reshape(4, 3)
    after = -np.log(changed / 255) @ np.linalg.inv(HED)
    scale = [
        (after[pixel, stain] - after[0, stain]) / (amounts[pixel, stain] - amounts[0, stain]) for pixel, stain in ((1, 0), (2, 1), (3, 2))
    ]
    assert all(0.9 <= each <= 1.1 for each in scale)
    np.testing.assert_allclose(after, amounts * scale + (after[0] - amounts[0] * scale), atol=1e-3)
    assert (np.abs(after[0] - amounts[0] * scale) <= 0.1 + 1e-3).all()


def test_hed_jitter_without_strength_gives_every_colour_back():
    np.testing.assert_allclose(
        np.asarray(StainJitter(0.0, seed=0)(np.maximum(images(), 1), training=True)), np.maximum(images(), 1), atol=0.05
    )


@pytest.mark.parametrize("layer", [Speckle(0.2, seed=1), Gain(0.5, seed=1)], ids=["speckle", "gain"])
def test_a_gray_ultrasound_stays_gray_and_black_stays_black(layer):
    gray = np.repeat(images()[..., :1], 3, axis=-1)
    gray[:, :4] = 0
    changed = np.asarray(layer(gray, training=True))
    assert np.ptp(changed, axis=-1).max() == 0
    assert changed[:, :4].max() == 0
    assert np.abs(changed - gray).mean() > 0.5


def test_speckle_grows_with_the_signal_and_keeps_its_mean():
    dark, bright = np.full((40, 32, 32, 3), 20, np.float32), np.full((40, 32, 32, 3), 100, np.float32)
    noise = [np.asarray(Speckle(0.2, seed=4)(each, training=True)) for each in (dark, bright)]
    np.testing.assert_allclose(noise[1] / 100, noise[0] / 20, rtol=1e-4)
    assert noise[1].mean() == pytest.approx(100, abs=0.5)
    assert 0 < noise[1].std(axis=(1, 2, 3)).max() <= 100 * 0.2 * 1.1


def test_gain_is_one_gamma_for_an_image_between_its_ends():
    source = np.broadcast_to(np.linspace(10, 245, 32, dtype=np.float32)[None, :, None, None], (5, 32, 32, 3))
    changed = np.asarray(Gain(0.5, seed=2)(source, training=True))
    gamma = np.log(changed / 255) / np.log(source / 255)
    assert np.ptp(gamma, axis=(1, 2, 3)).max() < 1e-3
    assert ((gamma > 1 / 1.5 - 1e-3) & (gamma < 1.5 + 1e-3)).all()


def test_a_crop_shows_a_part_of_the_ramp_stretched_over_the_whole_image():
    ramp = np.broadcast_to(np.arange(32, dtype=np.float32)[None, None, :, None], (20, 32, 32, 3))
    changed = np.asarray(Warp(crop=0.5, seed=2)(ramp, training=True))[:, 0, :, 0]
    steps = np.diff(changed, axis=1)
    assert np.ptp(steps, axis=1).max() < 1e-3  # one scale for an image
    assert ((steps >= 0.5 - 1e-3) & (steps <= 1)).all()
    assert changed.min() >= 0 and changed.max() <= 31


def ramps(count):
    """Images whose channels are column, row and a constant, so that a warp can be read off its result."""
    row, column = np.mgrid[0:33, 0:33].astype(np.float32)
    return np.broadcast_to(np.stack([column, row, np.full_like(row, 9)], axis=-1), (count, 33, 33, 3))


def read_off(images):
    """Return the matrix [N, 2, 2] at the centre of warped ramps, and where the centre came from [N, 2]."""
    centre, right, below = images[:, 16, 16, :2], images[:, 16, 17, :2], images[:, 17, 16, :2]
    return np.stack([right - centre, below - centre], axis=-1), centre


@pytest.mark.parametrize(
    ("settings", "lowest", "highest"),
    [
        ({"rotation": 30.0}, 1, 1),
        ({"zoom": 0.2}, 0.8, 1.2),
        ({"crop": 0.4}, 0.6, 1),
        ({"translation": 0.1}, 1, 1),
        ({"flips": "both"}, 1, 1),
    ],
)
def test_a_warp_does_what_its_setting_says_and_no_more(settings, lowest, highest):
    matrix, centre = read_off(np.asarray(Warp(**settings, seed=1)(ramps(300), training=True)))
    scale = np.sqrt(np.abs(np.linalg.det(matrix)))
    assert scale.min() == pytest.approx(lowest, abs=0.02) and scale.max() == pytest.approx(highest, abs=0.02)
    angle = np.degrees(np.arctan2(matrix[:, 1, 0], np.abs(matrix[:, 0, 0])))
    assert np.abs(angle).max() == pytest.approx(settings.get("rotation", 0), abs=0.7)
    reach = {"translation": 0.1 * 32, "crop": 0.4 / 2 * 32}.get(next(iter(settings)), 0)
    assert reach * 0.85 <= np.abs(centre - 16).max() <= reach + 1e-3
    flipped = (np.linalg.det(matrix) < 0).mean()
    assert flipped == pytest.approx(0.5 if "flips" in settings else 0, abs=0.1)


def test_a_shear_leaves_the_diagonal_and_moves_the_far_edge():
    matrix, _ = read_off(np.asarray(Warp(shear=0.3, seed=1)(ramps(300), training=True)))
    np.testing.assert_allclose(matrix[:, [0, 1], [0, 1]], 1, atol=1e-3)
    assert np.abs(matrix[:, [0, 1], [1, 0]]).max() == pytest.approx(0.3, abs=0.01)


def test_all_of_a_warp_is_resampled_once_so_that_it_blurs_no_more_than_one_change():
    fine = np.random.default_rng(0).uniform(0, 255, (40, 32, 32, 3)).astype(np.float32)
    one = augmentation.build(Augmentation(flips="none", rotation=20), 32, seed=0)
    all_at_once = augmentation.build(Augmentation(flips="both", rotation=20, zoom=0.1, translation=0.1, shear=0.1), 32, seed=0)
    assert len(all_at_once.layers) == 1
    assert np.asarray(all_at_once(fine, training=True)).std() > 0.9 * np.asarray(one(fine, training=True)).std()


def test_the_wide_zoom_of_two_reaches_from_mirrored_to_a_third():
    ramp = np.broadcast_to(np.arange(32, dtype=np.float32)[None, None, :, None], (300, 32, 32, 3))
    step = np.diff(np.asarray(WideZoom(2.0, seed=0)(ramp, training=True))[:, 0, 15:17, 0])[:, 0]  # at the centre: the factor itself
    assert -1 <= step.min() < -0.9
    assert 2.9 < step.max() <= 3
    assert step.mean() == pytest.approx(1, abs=0.2)


def test_an_empty_policy_changes_nothing():
    np.testing.assert_array_equal(apply(Augmentation(flips="none"), 0), images())


def test_a_policy_of_our_own_layers_can_be_saved_and_read_again(tmp_path):
    policy = augmentation.build(
        Augmentation(flips="none", zoom=2.0, shear=0.1, crop=0.1, stain=0.1, hed=0.1, speckle=0.1, gain=0.1), 32, seed=3
    )
    policy.save(tmp_path / "policy.keras")
    again = keras.saving.load_model(tmp_path / "policy.keras")
    assert len(again.layers) == 6
    assert [layer.get_config() for layer in again.layers] == [layer.get_config() for layer in policy.layers]


def test_the_layers_call_keras_alone_so_that_another_back_end_runs_them():
    folder = Path(augmentation.__file__).parent
    names = {"keras", "numpy", "math", "dataclasses", "components"}
    for file in ("augmentation", "geometry_layers", "stain_layers", "ultrasound_layers", "mixing"):
        tree = ast.parse((folder / f"{file}.py").read_text(encoding="utf-8"))
        nodes = list(ast.walk(tree))
        imported = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        imported |= {str(node.module).split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
        assert imported <= names
        assert not [
            node for node in nodes if isinstance(node, ast.Attribute) and node.attr in ("backend", "numpy") and "tf" in ast.dump(node)
        ]
