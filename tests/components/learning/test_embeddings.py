"""What the frozen phase learns from: views that differ, of a backbone that does not change."""

import numpy as np
import pytest

from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe
from components.learning import backbones
from components.learning import network as networks
from components.learning.fit import predict_logits
from components.learning.phases import Examples, embed, fit_pixels, phase_of
from components.learning.scores import validation_scores

RECIPE = Recipe(
    name="r", task="histology", backbone="convnet", image_size=32, views=3, augmentation=Augmentation(rotation=90, brightness=0.3)
)


@pytest.fixture(scope="module")
def examples() -> Examples:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (12, 32, 32, 3), dtype=np.uint8)
    targets = np.arange(12) % 2
    return Examples(pixels, np.arange(8), targets[:8], np.arange(8, 12), targets[8:], np.ones(2, np.float32))


@pytest.fixture(scope="module")
def network() -> networks.Network:
    return networks.build(RECIPE, 2, weights=None, dropout=0.1, seed=0)


def test_the_first_view_is_the_image_as_it_is_and_the_others_differ(network, examples):
    embeddings = embed(network, examples, RECIPE, seed=0)
    first, second, third = np.split(embeddings.train, 3)
    plain = network.backbone.predict_on_batch(examples.pixels[:8].astype(np.float32)).mean(axis=(1, 2))
    np.testing.assert_allclose(first, plain, atol=1e-5)
    assert np.abs(second - first).max() > 1e-4
    assert np.abs(third - second).max() > 1e-4


def test_equal_seeds_give_equal_views(network, examples):
    np.testing.assert_array_equal(embed(network, examples, RECIPE, seed=4).train, embed(network, examples, RECIPE, seed=4).train)


def test_validation_images_are_never_augmented(network, examples):
    one, other = (embed(network, examples, RECIPE, seed=seed).validation for seed in (1, 2))
    np.testing.assert_array_equal(one, other)


def test_a_frozen_batch_normalisation_keeps_its_statistics_while_layers_around_it_learn(examples):
    network = networks.build(RECIPE, 2, weights=None, dropout=0.1, seed=0)
    network.unfreeze(20)
    before = {weight.path: weight.numpy().copy() for weight in network.backbone.weights}
    several = RECIPE.override({"batch_size": "2"})
    fit_pixels(network, examples, several, phase_of(several, epochs=1, learning_rate=1e-2, seed=0), lambda epoch, values: None)
    moved = {weight.path for weight in network.backbone.weights if not np.array_equal(before[weight.path], weight.numpy())}
    assert moved
    assert [path for path in moved if "batch_normalization" in path] == []


def test_a_large_network_from_scratch_lets_the_statistics_of_inference_arrive_within_a_small_training():
    network = networks.build(RECIPE.override({"backbone": "mobilenetv2"}), 2, weights=None, dropout=0.0, seed=0)
    layers = networks.body(network.backbone).layers
    assert {layer.momentum for layer in layers if hasattr(layer, "momentum")} == {backbones.MOMENTUM}


def test_a_diverged_training_is_named_and_not_scored():
    with pytest.raises(FloatingPointError, match="diverged"):
        validation_scores(np.array([[np.nan, 0.0], [1.0, 0.0]], np.float32), np.array([0, 1]))


def test_predictions_come_in_the_order_of_their_rows(network, examples):
    model = network.classifier()
    together = predict_logits(model, examples.pixels, np.array([3, 1, 2]))
    np.testing.assert_allclose(together[1], predict_logits(model, examples.pixels, np.array([1]))[0], atol=1e-5)
