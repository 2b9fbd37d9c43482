"""The moving average of the weights: what is validated and kept, with the statistics that belong to it."""

import keras
import numpy as np
import pytest

from components.learning.average import averaged
from components.learning.fit import fit, predict_logits
from components.learning.schedule import Phase

PHASE = Phase(
    epochs=3, learning_rate=0.05, warm_up=False, weight_decay=0.0, batch_size=8, label_smoothing=0.0, patience=9, seed=0, ema=0.8
)  # fmt: skip
PIXELS = np.random.default_rng(0).normal(1, 2, (32, 8, 8, 3)).astype(np.float32)
TARGETS = np.arange(32) % 2


def model(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(momentum=0.9),
         keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    )  # fmt: skip


def train(one, phase=PHASE, on_epoch=lambda epoch, values: None, checkpoint=None):
    rows = np.arange(32)
    return fit(
        one, PIXELS, rows, TARGETS, np.ones(2, np.float32), validation=(lambda: predict_logits(one, PIXELS, rows), TARGETS),
        phase=phase, on_epoch=on_epoch, checkpoint=checkpoint,
    )  # fmt: skip


def test_the_average_worked_by_hand():
    one = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    one.compile(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5), loss=lambda expected, given: -given)
    for _ in range(3):  # each step adds 1: weights 1, 2, 3
        one.train_on_batch(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32))
    with averaged(one, lambda number: None, 0):
        assert one.get_weights()[0].item() == pytest.approx(2.25)  # 1, then (1 + 2) / 2, then (1.5 + 3) / 2
    assert one.get_weights()[0].item() == pytest.approx(3.0)


def test_the_statistics_of_the_averaged_weights_are_those_of_the_training_images():
    one = model()
    train(one)
    convolution, norm = one.layers[0], one.layers[1]
    answers = np.asarray(convolution(PIXELS))
    np.testing.assert_allclose(np.asarray(norm.moving_mean), answers.mean(axis=(0, 1, 2)), atol=1e-3)
    within = np.mean([answers[start : start + 8].var(axis=(0, 1, 2)) for start in range(0, 32, 8)], axis=0)
    np.testing.assert_allclose(np.asarray(norm.moving_variance), within, rtol=0.05)


def test_an_averaged_training_that_was_cut_off_goes_on_to_the_same_weights(tmp_path):
    class CutError(Exception):
        pass

    def cut(epoch, values):
        if epoch == 1:
            raise CutError

    whole, again = model(), model(seed=5)
    expected = train(whole)
    with pytest.raises(CutError):
        train(model(), on_epoch=cut, checkpoint=tmp_path / "phase.npz")
    assert train(again, checkpoint=tmp_path / "phase.npz") == expected
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
