"""Learning rates: the plateau is Keras' own, and follows from the curve alone."""

import math

import keras
import pytest

from components.learning.schedule import PLATEAU_EPOCHS, PLATEAU_FACTOR, PLATEAU_GAIN, Phase, build_optimizer, plateau_rate

PHASE = Phase(epochs=4, learning_rate=0.01, warm_up=False, weight_decay=0.0, batch_size=8, label_smoothing=0.0, patience=4, seed=0)


@pytest.mark.parametrize(
    "accuracies",
    [
        [0.5, 0.6, 0.7],
        [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],
        [0.9, 0.1, 0.2, 0.91, 0.3, 0.3, 0.3, 0.3, 0.95, 0.9],
        [0.5, 0.50005, 0.5001, 0.50015],
    ],
)
def test_the_plateau_lowers_the_rate_when_keras_would(accuracies):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    callback = keras.callbacks.ReduceLROnPlateau(
        "val_accuracy", factor=PLATEAU_FACTOR, patience=PLATEAU_EPOCHS, min_delta=PLATEAU_GAIN, mode="max"
    )
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, accuracy in enumerate(accuracies):
        callback.on_epoch_end(epoch, {"val_accuracy": accuracy})
    assert plateau_rate(0.01, accuracies) == pytest.approx(float(model.optimizer.learning_rate))


@pytest.mark.parametrize(("name", "kind"), [("adamw", "AdamW"), ("adam", "Adam"), ("rmsprop", "RMSprop")])
def test_a_constant_rate_stays_and_a_cosine_falls_to_a_twentieth(name, kind):
    constant = build_optimizer(Phase(**{**PHASE.__dict__, "optimizer": name, "schedule": "constant"}), steps=10)
    assert type(constant).__name__ == kind
    assert float(constant.learning_rate) == pytest.approx(0.01)
    falling = build_optimizer(Phase(**{**PHASE.__dict__, "optimizer": name}), steps=10)
    falling.build([keras.Variable([0.0])])
    falling.iterations.assign(41)  # the first step warms up
    assert float(falling.learning_rate) == pytest.approx(0.0005)


def test_before_weights_are_averaged_the_cosine_falls_to_half_and_stays():
    averaging = build_optimizer(Phase(**{**PHASE.__dict__, "swa": 0.25}), steps=10)  # four epochs, the last of them averaged
    averaging.build([keras.Variable([0.0])])
    rates = []
    for step in (15, 30, 39):  # the first step warms up; 29 fall
        averaging.iterations.assign(step)
        rates.append(float(averaging.learning_rate))
    assert rates == pytest.approx([0.01 * (0.5 + 0.5 * (1 + math.cos(math.pi * 14 / 29)) / 2), 0.005, 0.005])
