"""The published way to train, as notebooks do it: float arrays, the legacy `ImageDataGenerator`, stock Keras layers, `model.fit`.

Keras 3 keeps the generator under `keras.src.legacy`; it is the code of the notebooks, one affine transform of SciPy for each image.
"""

import os
import time
from dataclasses import dataclass

import keras
import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from components.domain.augmentation import Augmentation
from components.learning.phases import Examples
from components.learning.scores import validation_scores

_SCALES = {"MobileNetV2": ("mobilenet_v2", True), "EfficientNetB0": ("efficientnet", False), "DenseNet121": ("densenet", True)}
"""Module of `keras.applications` with the network's `preprocess_input`; whether that changes anything."""
Seconds = tuple[float, float]
"""Processor time, and time on the clock."""


def now() -> Seconds:
    """Return the processor time of this process and of those that it started and that ended, and the time."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system, time.monotonic()


def since(before: Seconds, after: Seconds | None = None) -> Seconds:
    """Return what passed between two moments; until now without the later one."""
    after = after or now()
    return after[0] - before[0], after[1] - before[1]


@dataclass(frozen=True)
class Published:
    """A notebook's training of one network.

    Attributes:
        network: its name in `keras.applications`.
        weights: file of its weights without top.
        last: how many layers with weights at its end are trained; 0 freezes it, None trains all.
        policy: rotation, zoom and flips, as the generator's arguments.
        batch: images.
    """

    network: str
    weights: str
    last: int | None
    policy: Augmentation
    batch: int

    def model(self, side: int, classes: int, *, learning_rate: float = 1e-4, dropout: float = 0.3) -> keras.Model:
        """Build and compile the notebook's model: float images as `arrays` gives them -> probabilities."""
        keras.utils.set_random_seed(0)
        base = getattr(keras.applications, self.network)(include_top=False, weights=self.weights, input_shape=(side, side, 3))
        if self.last is not None:
            weighted = [layer for layer in base.layers if layer.weights]
            for layer in base.layers:
                layer.trainable = False
            for layer in weighted[-self.last :] if self.last else []:
                layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
        pooled = keras.layers.Dropout(dropout)(keras.layers.GlobalAveragePooling2D()(base.output))
        model = keras.Model(base.input, keras.layers.Dense(classes, activation="softmax")(pooled))
        model.compile(keras.optimizers.Adam(learning_rate), loss="categorical_crossentropy", metrics=["accuracy"])
        return model

    def arrays(self, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
        """Return the train and validation images as float32, scaled as the network wants them, all in memory."""
        module, _ = _SCALES[self.network]
        scale = getattr(keras.applications, module).preprocess_input
        return tuple(scale(np.asarray(examples.pixels[rows], np.float32)) for rows in (examples.train, examples.validation))  # type: ignore[return-value]

    def flow(self, images: np.ndarray, labels: np.ndarray) -> object:
        """Return the generator's batches."""
        generator = ImageDataGenerator(
            rotation_range=self.policy.rotation,
            zoom_range=self.policy.zoom,
            horizontal_flip=self.policy.flips != "none",
            vertical_flip=self.policy.flips == "both",
        )
        return generator.flow(images, labels, batch_size=self.batch, seed=0)


class Epochs(keras.callbacks.Callback):
    """Notes the validation AUC of each epoch, as ours is watched by, and when it ended; finding the AUC does not count."""

    def __init__(self, images: np.ndarray, targets: np.ndarray) -> None:
        super().__init__()
        self.images, self.targets = images, targets
        self.began, self.uncounted = now(), (0.0, 0.0)
        self.ends: list[Seconds] = []
        self.aucs: list[float] = []

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Note both."""
        spent, clock = since(self.began)
        self.ends.append((spent - self.uncounted[0], clock - self.uncounted[1]))
        before = now()
        logits = np.log(np.maximum(self.model.predict(self.images, verbose=0), 1e-12))
        self.aucs.append(float(validation_scores(logits, self.targets)["val_auc"]))
        spent, clock = since(before)
        self.uncounted = self.uncounted[0] + spent, self.uncounted[1] + clock

    @property
    def last(self) -> Seconds:
        """What the last epoch took; what was compiled in the first does not count."""
        return since(self.ends[-2], self.ends[-1])

    @property
    def start(self) -> Seconds:
        """What came before the first epoch, and what was compiled in it."""
        return since(self.last, self.ends[0])


def train(way: Published, examples: Examples, *, epochs: int, learning_rate: float = 1e-4, dropout: float = 0.3) -> Epochs:
    """Make the notebook's arrays and model and fit it, with validation after each epoch."""
    images, held_out = way.arrays(examples)
    classes = len(examples.class_weights)
    labels = np.eye(classes, dtype=np.float32)
    noted = Epochs(held_out, examples.validation_targets)
    model = way.model(images.shape[1], classes, learning_rate=learning_rate, dropout=dropout)
    flow, held_labels = way.flow(images, labels[examples.train_targets]), labels[examples.validation_targets]
    model.fit(flow, validation_data=(held_out, held_labels), epochs=epochs, verbose=0, callbacks=[noted])
    return noted
