"""Averages of the weights, over steps or over the last epochs: what is validated and kept, with the statistics that belong to it."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from components.domain.errors import InputError
from components.domain.presets import load
from components.learning.average import averaged, mean_with
from components.learning.fit import fit, predict_logits
from components.learning.schedule import Phase

PHASE = Phase(
    epochs=3, learning_rate=0.05, warm_up=False, weight_decay=0.0, batch_size=8, label_smoothing=0.0, patience=9, seed=0, ema=0.8
)  # fmt: skip
SWA = replace(PHASE, epochs=4, ema=0.0, swa=0.5)
AVERAGES = pytest.mark.parametrize("phase", [PHASE, SWA], ids=["ema", "swa"])
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


def test_the_mean_over_epochs_worked_by_hand():
    one = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    mean = []
    for before, weight in enumerate((1.0, 2.0, 6.0)):
        one.set_weights([np.array([[weight]], np.float32)])
        mean = mean_with(mean, one, before)
    assert mean[0].item() == 3.0


def test_what_is_kept_is_the_mean_of_the_weights_that_the_last_epochs_ended_with():
    one, ends = model(), []
    one.layers[1].trainable = False
    frozen = [np.asarray(weight).copy() for weight in one.layers[1].weights]
    answers = (np.eye(2, dtype=np.float32)[TARGETS] * (np.arange(32) < right)[:, None] for right in (8, 16, 24, 32))
    result = fit(
        one, PIXELS, np.arange(32), TARGETS, np.ones(2, np.float32), validation=(lambda: next(answers), TARGETS), phase=SWA,
        on_epoch=lambda epoch, values: ends.append([np.asarray(weight).copy() for weight in one.trainable_variables]),
    )  # fmt: skip
    assert result["epoch"] == 3  # every epoch answers better than the one before
    for kept, third, last in zip(one.trainable_variables, ends[2], ends[3], strict=True):
        np.testing.assert_allclose(np.asarray(kept), (third + last) / 2, atol=1e-6)
        assert not np.array_equal(third, last)
    for weight, before in zip(one.layers[1].weights, frozen, strict=True):
        np.testing.assert_array_equal(weight, before)  # frozen statistics stay


def test_a_recipe_has_one_average():
    with pytest.raises(InputError, match="one of ema and swa must be 0"):
        load("ultrasound-mobilenetv2").override({"ema": "0.9", "swa": "0.25"})


@AVERAGES
def test_the_statistics_of_the_averaged_weights_are_those_of_the_training_images(phase):
    one = model()
    train(one, phase)
    convolution, norm = one.layers[0], one.layers[1]
    answers = np.asarray(convolution(PIXELS))
    np.testing.assert_allclose(np.asarray(norm.moving_mean), answers.mean(axis=(0, 1, 2)), atol=1e-3)
    within = np.mean([answers[start : start + 8].var(axis=(0, 1, 2)) for start in range(0, 32, 8)], axis=0)
    np.testing.assert_allclose(np.asarray(norm.moving_variance), within, rtol=0.05)


@AVERAGES
def test_an_averaged_training_that_was_cut_off_goes_on_to_the_same_weights(tmp_path, phase):
    class CutError(Exception):
        pass

    def cut(epoch, values):
        if epoch == phase.epochs - 2:  # one epoch is in the mean by then
            raise CutError

    whole, again = model(), model(seed=5)
    expected = train(whole, phase)
    with pytest.raises(CutError):
        train(model(), phase, on_epoch=cut, checkpoint=tmp_path / "phase.npz")
    assert train(again, phase, checkpoint=tmp_path / "phase.npz") == expected
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
