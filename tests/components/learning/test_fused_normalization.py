import keras
import numpy as np
import pytest

from components.learning.fused import FusedBatchNormalization, fuse, unfuse

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the fused kernel is TensorFlow's")
PIXELS = np.random.default_rng(0).normal(3, 2, size=(8, 6, 6, 3)).astype(np.float32)


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 6, 3))
    inner_image = keras.Input((6, 6, 4))
    inner = keras.Model(inner_image, keras.layers.BatchNormalization(scale=False, momentum=0.9, name="inner")(inner_image), name="body")
    x = keras.layers.BatchNormalization(epsilon=1e-2, momentum=0.7, name="outer")(keras.layers.Conv2D(4, 3, padding="same")(image))
    return keras.Model(image, inner(x))


def normalizations(model):
    return [model.get_layer("outer"), model.get_layer("body").get_layer("inner")]


def test_every_normalization_is_replaced_also_in_nested_models_and_put_back(model):
    assert all(type(layer) is FusedBatchNormalization for layer in normalizations(fuse(model)))
    assert all(type(layer) is keras.layers.BatchNormalization for layer in normalizations(unfuse(fuse(model))))


def test_training_moves_the_same_statistics_and_gives_the_same_output(model):
    fused = fuse(model)
    for _ in range(3):
        expected, got = model(PIXELS, training=True), fused(PIXELS, training=True)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    for theirs, ours in zip(model.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(fused(PIXELS), model(PIXELS), atol=1e-4)


def test_gradients_are_those_of_keras(model):
    import tensorflow as tf

    def gradients(each):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(each(PIXELS, training=True))[:, 0])
        return tape.gradient(loss, [variable.value for variable in each.trainable_variables])

    for theirs, ours in zip(gradients(model), gradients(fuse(model)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_a_layer_that_is_not_trainable_keeps_its_statistics_in_training(model):
    fused = fuse(model)
    fused.trainable = False
    before = fused.get_weights()
    np.testing.assert_allclose(fused(PIXELS, training=True), fused(PIXELS, training=False), atol=1e-6)
    assert all(np.array_equal(one, other) for one, other in zip(before, fused.get_weights(), strict=True))
