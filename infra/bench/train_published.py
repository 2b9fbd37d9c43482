"""The published way to train, as notebooks do it: float arrays, the legacy `ImageDataGenerator`, stock Keras layers, `model.fit`.

Keras 3 keeps the generator under `keras.src.legacy`; it is the code of the notebooks, one affine transform of SciPy for each image.
"""

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


class Clock(keras.callbacks.Callback):
    """Notes processor time and time at the end of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[float, float]] = []

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Note the time."""
        self.ends.append((time.process_time(), time.monotonic()))

    @property
    def last(self) -> tuple[float, float]:
        """Seconds of the last epoch; what was compiled in the first does not count."""
        (spent, clock), (before, began) = self.ends[-1], self.ends[-2]
        return spent - before, clock - began


def last_auc(
    model: keras.Model, flow: object, images: np.ndarray, targets: np.ndarray, *, epochs: int, clock: Clock | None = None
) -> float:
    """Fit for some epochs with validation after each, as a notebook does, and return the last epoch's AUC."""
    labels = np.eye(model.output_shape[-1], dtype=np.float32)[targets]
    model.fit(flow, validation_data=(images, labels), epochs=epochs, verbose=0, callbacks=[clock] if clock else [])
    logits = np.log(np.maximum(model.predict(images, verbose=0), 1e-12))
    return float(validation_scores(logits, targets)["val_auc"])
