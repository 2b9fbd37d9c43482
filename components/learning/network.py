"""The networks: a backbone that turns pixels into a feature map, and a head that turns pooled features into logits.

Preprocessing belongs to the backbone, so that everything downstream takes raw uint8 RGB.
"""

import warnings
from dataclasses import dataclass

import keras

from components.domain.errors import InputError
from components.domain.recipe import Head, Recipe
from components.learning import backbones, devices, heads
from components.learning.fused import fuse, in_float32


@dataclass(frozen=True)
class Network:
    """A classifier in two parts.

    Attributes:
        backbone: float [N, S, S, 3] in [0, 255] -> feature map [N, h, w, C].
        head: embedding [N, C] (the pooled feature map) -> logits [N, K].
        pretrained: the backbone starts from weights, so it is frozen first.
    """

    backbone: keras.Model
    head: keras.Model
    pretrained: bool

    def classifier(self, augmentation: keras.Model | None = None) -> keras.Model:
        """Join the parts: uint8 [N, S, S, 3] -> logits [N, K], with augmentation in front where given."""
        size = self.backbone.input_shape[1]
        image = keras.Input((size, size, 3), dtype="uint8", name="image")
        pixels = keras.ops.cast(image, "float32")
        if augmentation is not None:
            pixels = augmentation(pixels)
        features = self.backbone(pixels)
        return keras.Model(image, self.head(keras.layers.GlobalAveragePooling2D()(features)))

    def with_new_head(self, kind: Head, classes: int, *, dropout: float, seed: int) -> "Network":
        """Return a network of the same backbone whose head starts anew: its weights follow from the seed alone.

        Args:
            kind: which.
            classes: K.
            dropout: before its first dense layer.
            seed: of its weights and dropout.
        """
        keras.utils.set_random_seed(seed)
        head = heads.build(kind, self.backbone.output_shape[-1], classes, dropout=dropout, seed=seed)
        return Network(self.backbone, head, self.pretrained)

    def unfreeze(self, last: int, *, norm: bool = False) -> None:
        """Make the last layers of the backbone trainable; batch normalisation only where `norm` says so.

        A batch normalisation that is not trainable runs in inference mode, also in `fit`: its statistics stay as learned.
        """
        layers = [layer for layer in body(self.backbone).layers if layer.weights]
        for layer in body(self.backbone).layers:
            layer.trainable = False
        for layer in layers[-last:] if last else []:
            layer.trainable = norm or not isinstance(layer, keras.layers.BatchNormalization)


def build(recipe: Recipe, classes: int, *, weights: str | None, dropout: float, seed: int) -> Network:
    """Build the recipe's network.

    Args:
        recipe: names the backbone and the image size.
        classes: K.
        weights: `imagenet` or a file for the backbone; None trains it from scratch.
        dropout: before the last layer.
        seed: of the initial weights and the dropout.

    Raises:
        InputError: if the weights do not fit the backbone.
    """
    keras.utils.set_random_seed(seed)
    if weights is not None and recipe.backbone not in backbones.PUBLISHED:
        raise InputError(
            f"recipe {recipe.name} trains from scratch, but got weights {weights}; leave out --weights or choose another recipe"
        )
    try:
        with warnings.catch_warnings():  # Keras only warns when layers keep their random weights
            warnings.filterwarnings("error", message=".*freshly-initialized weights")
            with devices.built_in(devices.policy(recipe.training_precision)):
                backbone = fuse(backbones.build(recipe.backbone, recipe.image_size, weights, downscale=recipe.downscale))
    except Exception as error:  # Keras raises a bare Exception when a download fails
        if weights is None:
            raise
        reason = str(error).strip().splitlines()[0].split(". ")[0]
        if weights == "imagenet":
            message = f"weights imagenet must be downloaded once, but that failed ({reason}); name a file with --weights FILE, or none"
        else:
            message = (
                f"weights must be of {recipe.backbone} without its top, but {weights} does not fit ({reason}); name a file saved from it"
            )
        raise InputError(message) from None
    width = backbone.output_shape[-1]
    head = heads.build(recipe.head, width, classes, dropout=dropout, seed=seed)
    network = Network(backbone, head, pretrained=weights is not None)
    if network.pretrained:
        network.unfreeze(0)
    return network


def full_precision(network: Network) -> Network:
    """Return the network in float32, as it is exported; one that was trained in it as it is."""
    if network.backbone.compute_dtype == body(network.backbone).compute_dtype == "float32":
        return network
    return Network(in_float32(network.backbone), network.head, network.pretrained)


def body(backbone: keras.Model) -> keras.Model:
    """Return the network that Keras publishes within a backbone, or the backbone itself where it is our own."""
    nested = [layer for layer in backbone.layers if isinstance(layer, keras.Model)]
    return nested[0] if nested else backbone


def scaling(backbone: keras.Model) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return an image, float [N, S, S, 3], and what `body` sees of it: with its pixels scaled, or the image itself."""
    seen = image = keras.Input(backbone.input_shape[1:])
    for layer in backbone.layers[1:-1] if body(backbone) is not backbone else []:
        seen = layer(seen)
    return image, seen
