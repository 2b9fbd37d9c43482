"""Every backbone takes pixels as they are, and its exported graph answers as Keras does."""

import keras
import numpy as np
import pytest

from components.domain import presets
from components.domain.errors import InputError
from components.domain.recipe import Recipe
from components.learning import backbones
from components.learning import network as networks
from components.learning.export import export_graph, save_keras
from components.learning.scores import softmax
from serving.contract import Card, ImageSpec
from serving.openvino_graph import OpenVinoGraph

PREPROCESS = {
    "mobilenetv2": keras.applications.mobilenet_v2.preprocess_input,
    "densenet121": keras.applications.densenet.preprocess_input,
    "densenet201": keras.applications.densenet.preprocess_input,
    "inceptionv3": keras.applications.inception_v3.preprocess_input,
}
TOLERANCE = 1e-4
"""Largest difference between Keras and the f32 graph, as a share of the largest value. A deep network that was never trained can blow
up rounding errors beyond that; then, three times what Keras' compiled answer differs from its own eager one."""


def images(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def settle(model: keras.Model, size: int) -> None:
    """Let batch normalisation take the statistics of some images: a network as it was born gives next to nothing.

    A channel that hardly varies would have its rounding errors blown up, as no trained network does.
    """
    normalisations = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in normalisations:
        layer.momentum = 0.0
    model(images(4, size).astype(np.float32), training=True)
    for layer in normalisations:
        variance = np.asarray(layer.moving_variance)
        layer.moving_variance.assign(np.maximum(variance, variance.mean() / 4))


def open_graph(bundle, size: int) -> OpenVinoGraph:
    return OpenVinoGraph.load(bundle, Card.model_construct(image=ImageSpec(height=size, width=size), precision="f32"))


HEADS = {"flatcnn": "single", "densenet201": "normalized", "efficientnetb0": "hidden", "inceptionv3": "hidden"}
"""Of the published systems; linear for the others."""


@pytest.mark.parametrize("name", ["convnet", "flatcnn", *sorted(backbones.PUBLISHED)])
@pytest.mark.slow
def test_the_exported_graph_and_the_saved_models_answer_as_keras_does(name, tmp_path):
    size, head = 80, HEADS.get(name, "linear")
    downscale = 2 if name == "mobilenetv2" else 1
    recipe = Recipe(name="r", task="histology", backbone=name, image_size=size, head=head, downscale=downscale)
    network = networks.build(recipe, 2, weights=None, dropout=0.5, seed=0)
    settle(network.backbone, size)
    export_graph(network, tmp_path)
    batch = images(2, size)
    given = open_graph(tmp_path, size).run(batch)
    features = network.backbone.predict_on_batch(batch.astype(np.float32))
    eager = np.asarray(network.backbone(batch.astype(np.float32), training=False))
    itself = float(np.abs(features - eager).max() / np.abs(features).max())
    near = max(TOLERANCE, 3 * itself)
    assert near < 0.03
    expected = {"embedding": features.mean(axis=(1, 2)), "logits": network.classifier().predict_on_batch(batch)}
    for output, value in expected.items():
        assert np.abs(value).max() > 1e-3, "a dead network proves nothing"
        np.testing.assert_allclose(getattr(given, output), value, atol=near * np.abs(value).max())
    if head != "hidden":  # linear in the pooled features
        np.testing.assert_allclose(given.activation.mean(axis=(1, 2)), given.logits, atol=TOLERANCE * np.abs(given.logits).max())
    alone = network.head.predict_on_batch(features[:, -1, 0])
    np.testing.assert_allclose(given.activation[:, -1, 0], alone, atol=near * np.abs(alone).max())
    save_keras(network, tmp_path / "model", h5=True)
    for file in ("model.keras", "model.h5"):
        saved = keras.saving.load_model(tmp_path / file)
        assert not any("Fused" in type(layer).__name__ for layer in saved._flatten_layers())
        np.testing.assert_allclose(saved.predict_on_batch(batch), softmax(expected["logits"]), atol=near)


@pytest.mark.slow
def test_the_flattened_network_has_the_published_number_of_parameters_and_is_exported_whole(tmp_path):
    recipe = presets.load("histology-cnn512:as_published")
    network = networks.build(recipe, 2, weights=None, dropout=0.0, seed=0)
    classifier = network.classifier()
    assert classifier.count_params() == 126_053_953
    export_graph(network, tmp_path)
    batch = images(2, recipe.image_size)
    answer = open_graph(tmp_path, recipe.image_size).run(batch)
    np.testing.assert_allclose(answer.logits, classifier(batch), atol=1e-6)


@pytest.mark.parametrize("name", sorted(PREPROCESS))
def test_pixels_are_scaled_as_the_network_was_published(name):
    seen = images(2, 80).astype(np.float32)
    backbone = backbones.build(name, 80, None)
    scaling = keras.Model(backbone.inputs, next(layer for layer in backbone.layers if isinstance(layer, keras.layers.Rescaling)).output)
    np.testing.assert_allclose(scaling([seen]), PREPROCESS[name](seen.copy()), atol=1e-5)


def test_weights_that_carry_statistics_of_the_pixels_keep_their_meaning(tmp_path):
    published = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(64, 64, 3))
    statistics = next(layer for layer in published.layers if isinstance(layer, keras.layers.Normalization))
    statistics.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.05, 0.2, 0.6]), np.array(1)])
    statistics.finalize_state()
    settle(published, 64)
    published.save_weights(tmp_path / "some.weights.h5")
    built = backbones.build("efficientnetb0", 64, str(tmp_path / "some.weights.h5"))
    seen = images(2, 64).astype(np.float32)
    expected = published.predict_on_batch(seen)
    np.testing.assert_allclose(built.predict_on_batch(seen), expected, atol=TOLERANCE * np.abs(expected).max())


def test_a_downscaled_network_takes_whole_images_and_sees_the_means_of_their_pixels(tmp_path):
    recipe = presets.load("histology-mobilenetv2").override({"image_size": "64", "downscale": "2"})
    network = networks.build(recipe, 2, weights=None, dropout=0.0, seed=0)
    plain = networks.build(recipe.override({"image_size": "32", "downscale": "1"}), 2, weights=None, dropout=0.0, seed=0)
    small = images(3, 32)
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    assert network.classifier().input_shape == (None, 64, 64, 3)
    expected = plain.classifier().predict_on_batch(small)
    np.testing.assert_allclose(network.classifier().predict_on_batch(large), expected, atol=TOLERANCE * np.abs(expected).max())


def test_images_too_small_for_a_backbone_are_refused():
    with pytest.raises(InputError, match="image_size must be at least 75 for inceptionv3, but got 64"):
        backbones.build("inceptionv3", 64, None)
