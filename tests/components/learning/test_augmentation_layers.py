"""The augmentation layers change training images only, reproducibly, and stay within the value range."""

import numpy as np

from components.domain.recipe import Augmentation
from components.learning import augmentation

FULL = Augmentation(flips="both", rotation=30, zoom=0.2, translation=0.1, brightness=0.2, contrast=0.2, stain=0.2)


def images(seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (6, 32, 32, 3)).astype(np.float32)


def apply(policy, seed, training=True):
    return np.asarray(augmentation.build(policy, 32, seed=seed)(images(), training=training))


def test_outside_training_nothing_changes():
    np.testing.assert_array_equal(apply(FULL, 1, training=False), images())


def test_in_training_every_image_changes_and_stays_in_range():
    changed = apply(FULL, 1)
    assert (np.abs(changed - images()).mean(axis=(1, 2, 3)) > 1).all()
    assert changed.min() >= 0
    assert changed.max() <= 255


def test_equal_seeds_make_equal_changes_and_other_seeds_others():
    np.testing.assert_array_equal(apply(FULL, 5), apply(FULL, 5))
    assert not np.array_equal(apply(FULL, 5), apply(FULL, 6))


def test_stain_jitter_scales_a_channel_of_an_image_by_one_factor():
    source = np.full((3, 32, 32, 3), 100, np.float32)
    changed = np.asarray(augmentation.build(Augmentation(flips="none", stain=0.1), 32, seed=2)(source, training=True))
    spread = changed.max(axis=(1, 2)) - changed.min(axis=(1, 2))
    assert np.allclose(spread, 0)
    factors = changed[:, 0, 0] / 100
    assert ((factors >= 0.9) & (factors <= 1.1)).all()
    assert len(np.unique(factors.round(6))) == 9


def test_an_empty_policy_has_no_layers():
    assert augmentation.build(Augmentation(flips="none"), 32, seed=0).layers == []
