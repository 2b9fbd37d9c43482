"""The fitting loop: one phase of training on arrays, its curves, and the best epoch's weights at the end."""

import logging
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from components.learning import devices
from components.learning.average import averaged, mean_with
from components.learning.checkpoint import Progress, load, save
from components.learning.mixing import MixedCrossentropy, mixed_accuracy
from components.learning.schedule import Phase, build_optimizer, plateau_rate
from components.learning.scores import Floats, Targets, validation_scores

logger = logging.getLogger(__name__)

OnEpoch = Callable[[int, Mapping[str, float]], None]
"""Called after each epoch with its number from 0 and its curves' values."""


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
        places = self._places(index)
        inputs, labels = self.inputs_of(index), self.labels[places]
        return (inputs, labels) if self.mixed else (inputs, labels, self.weights[places])

    def inputs_of(self, index: int) -> object:
        """Return what the model takes of a batch."""
        places = self._places(index)
        inputs = np.asarray(self.inputs[self.rows[places]])
        return (inputs, self.labels[places]) if self.mixed else inputs

    def _places(self, index: int) -> Targets:
        return self.order[index * self.batch_size : (index + 1) * self.batch_size]

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self.order = self.random.permutation(len(self.rows))


class _Epochs(keras.callbacks.Callback):
    """Before each epoch a plateau's rate; after it the validation metrics, the best weights, the checkpoint, whether it goes on."""

    def __init__(
        self,
        validate: Callable[[], dict[str, float]],
        phase: Phase,
        progress: Progress,
        batches: _Batches,
        *,
        checkpoint: Path | None,
        on_epoch: OnEpoch,
    ) -> None:
        super().__init__()
        self.validate, self.phase, self.progress, self.batches = validate, phase, progress, batches
        self.checkpoint, self.on_epoch = checkpoint, on_epoch

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self.phase.rewritten:
            devices.rewrite(True)
        if self.phase.schedule == "plateau":
            seen = [values["val_accuracy"] for values in self.progress.history]
            self.model.optimizer.learning_rate = plateau_rate(self.phase.learning_rate, seen)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        if self.phase.rewritten:
            devices.rewrite(False)
        with self._averaged(epoch):
            logs.update(self.validate())
            self.progress.add({key: float(value) for key, value in logs.items()}, self.model)
        if self.checkpoint:
            save(self.checkpoint, self.model, self.progress)
        self.on_epoch(epoch, self.progress.history[-1])
        self.model.stop_training = self.progress.over(epochs=self.phase.epochs, patience=self.phase.patience)

    def _averaged(self, epoch: int) -> AbstractContextManager[None]:
        """Return what lets the model hold its averaged weights after an epoch, its own where nothing is averaged."""
        progress, before = self.progress, epoch - (self.phase.epochs - self.phase.swa_epochs)
        if before >= 0:
            progress.mean = mean_with(progress.mean, self.model, before)
        if not self.phase.ema and not progress.mean:
            return nullcontext()
        return averaged(self.model, self.batches.inputs_of, len(self.batches), mean=progress.mean)


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
    checkpoint: Path | None = None,
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
        on_epoch: told the curves, also of epochs that a checkpoint holds; it may raise to stop (pruning).
        mixed: the model blends labels (`components.learning.mixing.mixing_classifier`): it takes them as its second input.
        checkpoint: file that is written after each epoch, and that a phase which was cut off goes on from.

    Returns:
        The validation metrics of the best epoch and `epoch`, its number from 0.
    """
    predict, expected = validation
    batches = _Batches(inputs, rows, np.eye(len(class_weights), dtype=np.float32)[targets], class_weights[targets], phase, mixed=mixed)
    plain = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=phase.label_smoothing)
    model.compile(
        optimizer=build_optimizer(phase, steps=len(batches)),
        loss=MixedCrossentropy(class_weights, label_smoothing=phase.label_smoothing) if mixed else plain,
        weighted_metrics=[mixed_accuracy() if mixed else keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    progress = load(checkpoint, model) if checkpoint else Progress()
    for epoch, values in enumerate(progress.history):
        on_epoch(epoch, values)
        batches.on_epoch_end()
    if progress.history:
        logger.info("going on after epoch %d of %d", len(progress.history), phase.epochs)
    if not progress.over(epochs=phase.epochs, patience=phase.patience):
        epochs = _Epochs(lambda: validation_scores(predict(), expected), phase, progress, batches, checkpoint=checkpoint, on_epoch=on_epoch)
        try:
            model.fit(batches, initial_epoch=len(progress.history), epochs=phase.epochs, shuffle=False, verbose=0, callbacks=[epochs])
        finally:
            if phase.rewritten:
                devices.rewrite(False)
    model.set_weights(progress.best_weights)
    best = progress.history[progress.best]
    return {**{key: best[key] for key in ("val_loss", "val_accuracy", "val_auc")}, "epoch": float(progress.best)}


def predict_logits(model: keras.Model, inputs: npt.NDArray[np.generic], rows: Targets, *, batch_size: int = 64) -> Floats:
    """Return float32 [n, K]: the model's outputs for some rows of an array, outside training."""
    parts = []
    for start in range(0, len(rows), batch_size):
        batch = np.asarray(inputs[rows[start : start + batch_size]])
        parts.append(model.predict_on_batch(batch)[: len(batch)])  # each of several devices answers the whole batch
    return np.concatenate(parts).astype(np.float32)
