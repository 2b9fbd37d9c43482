"""Pooling before 1 x 1 convolutions changes the order of layers and nothing else."""

import keras
import numpy as np
import pytest

from components.learning.pooled_first import pool_first


def network(**convolution: object) -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((18, 18, 3))
    x = keras.layers.Conv2D(5, 3, name="before")(image)
    x = keras.layers.Conv2D(**({"filters": 4, "kernel_size": 1, "name": "moved"} | convolution))(x)
    x = keras.layers.AveragePooling2D(2, name="pooling")(x)
    return keras.Model(image, keras.layers.Conv2D(2, 2, name="after")(x))


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers[1:]]


def test_the_published_network_answers_as_before():
    published = keras.applications.DenseNet121(include_top=False, weights=None, input_shape=(64, 64, 3))
    for layer in published.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    images = np.random.default_rng(0).normal(size=(4, 64, 64, 3)).astype(np.float32)
    published(images, training=True)
    ours = pool_first(published)
    given, expected = (np.asarray(model(images, training=False)) for model in (ours, published))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(given, expected, atol=1e-4 * np.abs(expected).max())
    for transition in ("pool2", "pool3", "pool4"):
        assert ours.get_layer(f"{transition}_conv").input is ours.get_layer(f"{transition}_pool").output
    assert [weight.path for weight in ours.weights] == [weight.path for weight in published.weights]


def test_a_convolution_with_a_bias_is_moved_with_its_weights():
    model = network()
    model.get_layer("moved").bias.assign([1.0, 2.0, 3.0, 4.0])
    images = np.random.default_rng(0).normal(size=(2, 18, 18, 3)).astype(np.float32)
    ours = pool_first(model)
    assert names(ours) == ["before", "pooling", "moved", "after"]
    np.testing.assert_allclose(ours(images), model(images), atol=1e-5)


@pytest.mark.parametrize("convolution", [{"kernel_size": 3}, {"activation": "relu"}, {"strides": 2}])
def test_a_convolution_that_would_answer_otherwise_is_left(convolution: dict[str, object]):
    model = network(**convolution)
    assert pool_first(model) is model


def test_a_convolution_that_others_need_too_is_left():
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 1)(image)
    model = keras.Model(image, [keras.layers.AveragePooling2D(2)(x), x])
    assert pool_first(model) is model
    other = keras.Model(image, [*model.outputs, keras.layers.ReLU()(x)][::2])
    assert pool_first(other) is other
