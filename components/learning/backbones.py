"""The backbones: float RGB [N, S, S, 3] in [0, 255] -> feature map [N, h, w, C], each with its own preprocessing inside.

The published ones are Keras' own, but for the order of two layers (`pooled_first`); what stands here is what they leave to the caller.
The graph that serving reads must hold their preprocessing, and every layer must survive the export.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np

from components.domain.errors import InputError
from components.domain.recipe import Backbone
from components.learning.pooled_first import pool_first

MOMENTUM = 0.9
"""Of batch normalisation trained from scratch: with the few hundred steps of a small data set, the statistics that inference uses would
hardly move at Keras' 0.99 or MobileNetV2's 0.999."""
_SCALES = {
    "unit": (1 / 127.5, -1.0),  # [-1, 1]
    "imagenet": (
        (1 / (255 * np.array([0.229, 0.224, 0.225]))).tolist(),
        (-np.array([0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).tolist(),
    ),
}


@dataclass(frozen=True)
class Published:
    """A network of `keras.applications`.

    Attributes:
        builder: its name there.
        scale: what its `preprocess_input` does to pixels, as a key of `_SCALES`; None where it scales them itself.
        smallest: side of the smallest image that it takes, in pixels.
    """

    builder: str
    scale: str | None
    smallest: int = 32


PUBLISHED: Mapping[Backbone, Published] = {
    "mobilenetv2": Published("MobileNetV2", "unit"),
    "efficientnetb0": Published("EfficientNetB0", None),
    "densenet121": Published("DenseNet121", "imagenet"),
    "densenet201": Published("DenseNet201", "imagenet"),
    "inceptionv3": Published("InceptionV3", "unit", smallest=75),
}


def build(name: Backbone, size: int, weights: str | None, *, downscale: int = 1) -> keras.Model:
    """Build a backbone.

    Args:
        name: which.
        size: S, the side of its images in pixels.
        weights: `imagenet` or a file; None starts from random ones.
        downscale: the side of the squares of pixels whose mean it sees; it divides the size.

    Raises:
        InputError: if the images are too small for it.
    """
    image = keras.Input((size, size, 3))
    seen = keras.layers.AveragePooling2D(downscale)(image) if downscale > 1 else image
    if name not in PUBLISHED:
        return keras.Model(image, (_convnet if name == "convnet" else _flatcnn)(seen), name=name)
    published = PUBLISHED[name]
    if size < (least := published.smallest * downscale):
        raise InputError(f"image_size must be at least {least} for {name}, but got {size}; raise it")
    size //= downscale
    builder: Callable[..., keras.Model] = getattr(keras.applications, published.builder)
    body = pool_first(_exportable(builder(include_top=False, weights=weights, input_shape=(size, size, 3))))
    if weights is None:
        for layer in body.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = MOMENTUM
    if published.scale is None:
        return keras.Model(image, body(seen), name=name)
    scale, offset = _SCALES[published.scale]
    return keras.Model(image, body(keras.layers.Rescaling(scale, offset, dtype="float32")(seen)), name=name)


def _convnet(image: keras.KerasTensor) -> keras.KerasTensor:
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    for width in (24, 48, 96, 128):
        x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.MaxPooling2D()(x)
    return x


def _flatcnn(image: keras.KerasTensor) -> keras.KerasTensor:
    """Build the sequential network of a published system: with 512 x 512 images and a head of one output 126,053,953 parameters.

    All but 93,000 of them are in the dense layer on the flattened map. It stands here as a feature map of one place, [N, 1, 1, 256],
    so that embedding and heat map have their usual form; the latter cannot point anywhere.
    """
    x = keras.layers.Rescaling(1 / 255)(image)
    for width in (32, 64, 128):
        x = keras.layers.MaxPooling2D()(keras.layers.Conv2D(width, 3, activation="relu")(x))
    x = keras.layers.Dense(256, activation="sigmoid")(keras.layers.Flatten()(x))
    return keras.layers.Reshape((1, 1, 256))(x)


def _exportable(body: keras.Model) -> keras.Model:
    """Return the network with each `Normalization` replaced by the `Rescaling` that it amounts to.

    Keras exports the mean and variance of a `Normalization` (EfficientNet has one) as inputs of the ONNX graph that nobody gives.
    """
    if not any(isinstance(layer, keras.layers.Normalization) for layer in body.layers):
        return body

    def replace(layer: keras.Layer) -> keras.Layer:
        if not isinstance(layer, keras.layers.Normalization):
            return layer.__class__.from_config(layer.get_config())
        deviation = np.maximum(np.sqrt(np.asarray(layer.variance)), keras.config.epsilon()).ravel()
        return keras.layers.Rescaling((1 / deviation).tolist(), (-np.asarray(layer.mean).ravel() / deviation).tolist(), name=layer.name)

    clone = keras.models.clone_model(body, clone_function=replace)
    for layer in clone.layers:
        if layer.weights:
            layer.set_weights(body.get_layer(layer.name).get_weights())
    return clone
