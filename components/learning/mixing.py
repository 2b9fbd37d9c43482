"""Augmentation that blends two images and their labels: MixUp and CutMix, inside the training graph.

The network to train takes the one-hot labels as a second input, beside the image, so that the same draw blends both; it answers
logits and blended labels side by side, and the loss reads its targets there. All of it is Keras layers and `keras.ops`: no
training loop of our own, and no back end by name.
"""

import keras

from components.domain.augmentation import Augmentation
from components.learning.network import Network
from components.learning.scores import Floats


@keras.saving.register_keras_serializable(package="lobule")
class Mixing(keras.layers.Layer):
    """Blend the images of a batch, and their labels alike, by MixUp or CutMix; with both, each batch takes one by a coin.

    Args:
        mixup: alpha of MixUp; 0 leaves it out.
        cutmix: largest alpha of CutMix; 0 leaves it out.
        seed: of all draws.
    """

    def __init__(self, mixup: float, cutmix: float, *, seed: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.mixup = mixup
        self.cutmix = cutmix
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)
        self.blend = keras.layers.MixUp(alpha=mixup, seed=seed + 1) if mixup else None
        self.paste = keras.layers.CutMix(factor=cutmix, seed=seed + 2) if cutmix else None

    def build(self, images_shape: tuple[int | None, ...], labels_shape: tuple[int | None, ...]) -> None:
        """Note that nothing is learnt here."""
        self.built = True

    def call(
        self, images: keras.KerasTensor, labels: keras.KerasTensor, training: bool = False
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Blend float images [N, S, S, 3] and labels [N, K], each row a distribution; nothing happens outside training."""
        if not training:
            return images, labels
        mixed = [layer({"images": images, "labels": labels}, training=True) for layer in (self.blend, self.paste) if layer is not None]
        if len(mixed) == 1:
            return mixed[0]["images"], mixed[0]["labels"]
        coin = keras.random.uniform((), seed=self.generator) < 0.5
        one, other = mixed
        return keras.ops.where(coin, one["images"], other["images"]), keras.ops.where(coin, one["labels"], other["labels"])

    def get_config(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "mixup": self.mixup, "cutmix": self.cutmix, "seed": self.seed}


def build(policy: Augmentation, *, seed: int) -> Mixing | None:
    """Return the layer that blends as the policy says, or None if it does not."""
    return Mixing(policy.mixup, policy.cutmix, seed=seed) if policy.mixup or policy.cutmix else None


def mixing_classifier(network: Network, augmentation: keras.Model, mixing: Mixing, *, classes: int) -> keras.Model:
    """Put augmentation and blending in front of a network, for training alone.

    Args:
        network: what learns.
        augmentation: float images -> float images, run first.
        mixing: blends its images and their labels.
        classes: K.

    Returns:
        A model (uint8 images [N, S, S, 3], one-hot labels [N, K]) -> float [N, 2 K]: logits, then blended labels.
    """
    size = network.backbone.input_shape[1]
    image = keras.Input((size, size, 3), dtype="uint8", name="image")
    label = keras.Input((classes,), name="label")
    pixels, targets = mixing(augmentation(keras.ops.cast(image, "float32")), label)
    logits = network.head(keras.layers.GlobalAveragePooling2D()(network.backbone(pixels)))
    return keras.Model([image, label], keras.layers.Concatenate()([logits, targets]))


class MixedCrossentropy(keras.losses.Loss):
    """The cross-entropy of what `mixing_classifier` answers, each image weighed by the weights of its blended label.

    Args:
        class_weights: float32 [K].
        label_smoothing: as in the plain loss.
    """

    def __init__(self, class_weights: Floats, *, label_smoothing: float) -> None:
        super().__init__(name="mixed_crossentropy")
        self.class_weights = class_weights
        self.label_smoothing = label_smoothing

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Return one loss for each image, [N]; the labels before blending are not looked at."""
        logits, targets = _parts(y_pred)
        smooth = targets * (1.0 - self.label_smoothing) + self.label_smoothing / len(self.class_weights)
        weights = keras.ops.sum(targets * self.class_weights, axis=-1)
        return weights * keras.losses.categorical_crossentropy(smooth, logits, from_logits=True)


def mixed_accuracy() -> keras.metrics.Metric:
    """Return the share of images whose highest logit is at the larger part of their blended label."""

    def accuracy(_: keras.KerasTensor, answer: keras.KerasTensor) -> keras.KerasTensor:
        logits, targets = _parts(answer)
        return keras.ops.cast(keras.ops.argmax(logits, axis=-1) == keras.ops.argmax(targets, axis=-1), "float32")

    return keras.metrics.MeanMetricWrapper(accuracy, name="accuracy")


def _parts(answer: keras.KerasTensor) -> list[keras.KerasTensor]:
    logits, targets = keras.ops.split(answer, 2, axis=-1)
    return [logits, targets]
