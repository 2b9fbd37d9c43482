"""Fitting on tiny arrays: the best epoch is what remains, curves are told, equal seeds give equal models."""

import keras
import numpy as np
import pytest

from components.learning.checkpoint import checkpoints
from components.learning.fit import fit, predict_logits
from components.learning.schedule import Phase
from components.learning.scores import balanced_weights, softmax, validation_scores

PHASE = Phase(epochs=6, learning_rate=0.05, warm_up=False, weight_decay=0.0, batch_size=8, label_smoothing=0.0, patience=6, seed=0)


def two_blobs(seed=0, count=64):
    random = np.random.default_rng(seed)
    targets = np.arange(count) % 2
    return (random.normal(size=(count, 4)) + 0.8 * targets[:, None]).astype(np.float32), targets


def small_model(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2)])


def train(model, phase=PHASE, on_epoch=lambda epoch, values: None, checkpoint=None):
    inputs, targets = two_blobs()
    held_out, expected = two_blobs(seed=1, count=40)
    rows = np.arange(40)
    result = fit(
        model, inputs, np.arange(64), targets, np.ones(2, np.float32),
        validation=(lambda: predict_logits(model, held_out, rows), expected), phase=phase, on_epoch=on_epoch, checkpoint=checkpoint,
    )  # fmt: skip
    return result, validation_scores(predict_logits(model, held_out, rows), expected)


def test_the_weights_left_behind_are_those_of_the_best_epoch_not_of_the_last():
    told = []
    ruinous = Phase(**{**PHASE.__dict__, "learning_rate": 3.0, "epochs": 8})
    result, after = train(small_model(), ruinous, lambda epoch, values: told.append(values["val_auc"]))
    best = max(told)
    assert told[-1] < best  # the last epoch was worse, so restoring did something
    assert result["val_auc"] == best
    assert after["val_auc"] == pytest.approx(best, abs=1e-6)


def test_training_stops_when_patience_is_used_up():
    told = []
    train(small_model(), Phase(**{**PHASE.__dict__, "epochs": 50, "patience": 2}), lambda epoch, values: told.append(values["val_auc"]))
    best = told.index(max(told))
    assert len(told) == min(50, best + 1 + 2)


def test_each_epoch_tells_loss_and_accuracy_of_both_splits_and_the_auc():
    told = []
    train(small_model(), on_epoch=lambda epoch, values: told.append((epoch, set(values))))
    assert told[0][0] == 0
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "val_auc"} <= told[0][1]


def test_equal_seeds_give_equal_models():
    first, second = small_model(3), small_model(3)
    train(first)
    train(second)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_validation_metrics_of_logits_worked_by_hand():
    logits = np.log(np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.2, 0.8]], np.float32))
    scores = validation_scores(logits, np.array([0, 0, 1, 1]))
    assert scores["val_accuracy"] == 0.5
    assert scores["val_auc"] == 0.75  # of four pairs, (0.6 vs 0.2) is in the wrong order
    assert scores["val_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.2, 0.8]).mean(), abs=1e-6)


def test_a_class_three_times_rarer_weighs_three_times_as_much():
    weights = balanced_weights(np.array([0, 0, 0, 1]), 2)
    assert weights.tolist() == pytest.approx([2 / 3, 2.0])


def test_softmax_of_huge_logits_stays_finite():
    assert softmax(np.array([[1000.0, 0.0]], np.float32)).tolist() == [[1.0, 0.0]]


class CutError(Exception):
    """What ends a training from outside."""


def noisy_model(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.5), keras.layers.Dense(2)])


def cut_after(epochs):
    def on_epoch(epoch, values):
        if epoch + 1 == epochs:
            raise CutError

    return on_epoch


def test_a_training_that_was_cut_off_goes_on_from_its_checkpoint_to_the_same_weights(tmp_path):
    whole, told_whole, told = noisy_model(), [], []
    expected, _ = train(whole, on_epoch=lambda epoch, values: told_whole.append(values))
    checkpoint = tmp_path / "phase.npz"
    for epochs in (2, 4):
        with pytest.raises(CutError):
            train(noisy_model(), on_epoch=cut_after(epochs), checkpoint=checkpoint)
    cut = noisy_model(seed=7)
    result, _ = train(cut, on_epoch=lambda epoch, values: told.append(values), checkpoint=checkpoint)
    assert result == expected
    assert told == told_whole  # the curves are whole, no epoch twice
    for one, other in zip(whole.get_weights(), cut.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_finished_phase_is_not_trained_again(tmp_path):
    first, second = noisy_model(), noisy_model(seed=7)
    expected, _ = train(first, checkpoint=tmp_path / "phase.npz")
    result, _ = train(second, checkpoint=tmp_path / "phase.npz")
    assert result == expected
    assert int(second.optimizer.iterations) == int(first.optimizer.iterations)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_damaged_checkpoint_is_said_and_the_phase_starts_again(tmp_path, caplog):
    (tmp_path / "phase.npz").write_bytes(b"PK\x03\x04 half")
    result, _ = train(noisy_model(), checkpoint=tmp_path / "phase.npz")
    assert result == train(noisy_model())[0]
    assert "starts again" in caplog.text


def test_checkpoints_go_when_a_step_ends_well_and_stay_when_it_does_not(tmp_path):
    with pytest.raises(CutError), checkpoints(tmp_path, "run", "train") as kept:
        kept.mkdir(parents=True)
        raise CutError
    assert (tmp_path / "run" / "train").is_dir()
    with checkpoints(tmp_path, "run", "train"):
        pass
    assert not (tmp_path / "run").exists()
