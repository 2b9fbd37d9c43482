"""The fitting loop: one phase of training on arrays, its curves, and the best epoch's weights at the end."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from components.learning.mixing import MixedCrossentropy, mixed_accuracy
from components.learning.scores import Floats, Targets, validation_scores

logger = logging.getLogger(__name__)

OnEpoch = Callable[[int, Mapping[str, float]], None]
"""Called after each epoch with its number from 0 and its curves' values."""


@dataclass(frozen=True)
class Phase:
    """Settings of one phase.

    Attributes:
        epochs: at most.
        learning_rate: at its height, reached within the first epoch where `warm_up` is set; it falls to 5 % along a cosine.
        warm_up: start from 0, so that trained layers are not thrown off by the first steps.
        weight_decay: of AdamW.
        batch_size: images.
        label_smoothing: of the cross-entropy.
        patience: epochs without a better validation AUC after which it stops.
        seed: of the order of the images.
    """

    epochs: int
    learning_rate: float
    warm_up: bool
    weight_decay: float
    batch_size: int
    label_smoothing: float
    patience: int
    seed: int


class _Batches(keras.utils.PyDataset):
    """Shuffled batches out of an array that may be memory-mapped: (inputs, one-hot labels, weights).

    A model that blends labels takes them as its second input and weighs them itself: ((inputs, labels), labels).
    """

    def __init__(
        self, inputs: npt.NDArray[np.generic], rows: Targets, labels: Floats, weights: Floats, phase: Phase, *, mixed: bool
    ) -> None:
        super().__init__()
        self.inputs, self.rows, self.labels, self.weights, self.mixed = inputs, rows, labels, weights, mixed
        self.batch_size = phase.batch_size
        self.random = np.random.default_rng(phase.seed)
        self.order = self.random.permutation(len(rows))

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[object, ...]:
        places = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        inputs, labels = np.asarray(self.inputs[self.rows[places]]), self.labels[places]
        return ((inputs, labels), labels) if self.mixed else (inputs, labels, self.weights[places])

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self.order = self.random.permutation(len(self.rows))


class _Validation(keras.callbacks.Callback):
    """Adds the validation metrics to the epoch's logs, and tells them on."""

    def __init__(self, predict: Callable[[], Floats], targets: Targets, epochs: int, on_epoch: OnEpoch) -> None:
        super().__init__()
        self.predict, self.targets, self.epochs, self.on_epoch = predict, targets, epochs, on_epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        logs.update(validation_scores(self.predict(), self.targets))
        self.on_epoch(epoch, {key: float(value) for key, value in logs.items()})


def fit(
    model: keras.Model,
    inputs: npt.NDArray[np.generic],
    rows: Targets,
    targets: Targets,
    class_weights: Floats,
    *,
    validation: tuple[Callable[[], Floats], Targets],
    phase: Phase,
    on_epoch: OnEpoch,
    mixed: bool = False,
) -> dict[str, float]:
    """Train a model for one phase and leave it with the weights of its best epoch.

    Args:
        model: inputs -> logits [N, K]; what is trainable in it is trained.
        inputs: array whose first axis `rows` index; memory-mapped arrays are read batch by batch.
        rows: int [n], the training rows.
        targets: int [n], the class of each.
        class_weights: float32 [K], weight of each class in the loss.
        validation: a function giving the validation logits [m, K] of the model as it is, and their targets [m].
        phase: settings.
        on_epoch: told the curves; it may raise to stop (pruning).
        mixed: the model blends labels (`components.learning.mixing.mixing_classifier`): it takes them as its second input.

    Returns:
        The validation metrics of the best epoch and `epoch`, its number from 0.
    """
    predict, expected = validation
    batches = _Batches(inputs, rows, np.eye(len(class_weights), dtype=np.float32)[targets], class_weights[targets], phase, mixed=mixed)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, phase.epochs * len(batches), alpha=0.05, warmup_target=phase.learning_rate, warmup_steps=len(batches) if phase.warm_up else 1
    )
    plain = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=phase.label_smoothing)
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=phase.weight_decay),
        loss=MixedCrossentropy(class_weights, label_smoothing=phase.label_smoothing) if mixed else plain,
        weighted_metrics=[mixed_accuracy() if mixed else keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    history: list[dict[str, float]] = []

    def record(epoch: int, values: Mapping[str, float]) -> None:
        history.append(dict(values))
        on_epoch(epoch, values)

    stopping = keras.callbacks.EarlyStopping("val_auc", mode="max", patience=phase.patience, restore_best_weights=True)
    model.fit(
        batches, epochs=phase.epochs, shuffle=False, verbose=0, callbacks=[_Validation(predict, expected, phase.epochs, record), stopping]
    )
    best = max(range(len(history)), key=lambda epoch: history[epoch]["val_auc"])
    return {**{key: history[best][key] for key in ("val_loss", "val_accuracy", "val_auc")}, "epoch": float(best)}


def predict_logits(model: keras.Model, inputs: npt.NDArray[np.generic], rows: Targets, *, batch_size: int = 64) -> Floats:
    """Return float32 [n, K]: the model's outputs for some rows of an array, outside training."""
    parts = [model.predict_on_batch(np.asarray(inputs[rows[start : start + batch_size]])) for start in range(0, len(rows), batch_size)]
    return np.concatenate(parts).astype(np.float32)
