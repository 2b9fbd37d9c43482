"""What the frozen phase learns from: each training image as it is, then augmented anew in each further view."""

import numpy as np
import pytest

from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe
from components.learning import network
from components.learning.phases import Examples, embed

RECIPE = Recipe(
    name="views", task="histology", backbone="convnet", image_size=32, views=3, augmentation=Augmentation(flips="none", brightness=0.3)
)


@pytest.fixture(scope="module")
def views():
    pixels = np.random.default_rng(0).integers(60, 190, (70, 32, 32, 3), dtype=np.uint8)
    rows = np.arange(66)
    examples = Examples(pixels, rows, rows % 2, np.arange(66, 70), np.arange(4) % 2, np.ones(2, np.float32))
    model = network.build(RECIPE, 2, weights=None, dropout=0.0, seed=0)
    return [embed(model, examples, RECIPE, seed=seed) for seed in (0, 0, 1)]


def test_the_first_view_is_plain_and_every_further_one_differs_from_all_others(views):
    first, second, third = np.split(views[0].train, 3)
    np.testing.assert_array_equal(first, np.split(views[2].train, 3)[0])  # whatever the seed
    for one, other in ((first, second), (first, third), (second, third)):
        assert (np.abs(one - other).max(axis=1) > 1e-3).mean() > 0.95


def test_validation_images_are_never_changed(views):
    np.testing.assert_array_equal(views[0].validation, views[2].validation)
    assert views[0].validation.shape == (4, views[0].train.shape[1])


def test_equal_seeds_give_equal_views_and_another_seed_others(views):
    np.testing.assert_array_equal(views[0].train, views[1].train)
    assert not np.allclose(views[0].train, views[2].train)
