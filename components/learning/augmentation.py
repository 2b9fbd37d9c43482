"""Augmentation as Keras layers: it runs inside the training graph, on the accelerator, and never in the exported model."""

import keras

from components.domain.recipe import Augmentation

VALUE_RANGE = (0.0, 255.0)


@keras.saving.register_keras_serializable(package="lobule")
class ChannelJitter(keras.layers.Layer):
    """Scale each colour channel of each image by its own random factor, as the hue of a stain varies between slides.

    Args:
        factor: largest relative change.
        seed: of the random factors.
    """

    def __init__(self, factor: float, *, seed: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.factor = factor
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Scale float images [N, H, W, 3] in [0, 255]; nothing happens outside training."""
        if not training:
            return images
        shape = (keras.ops.shape(images)[0], 1, 1, 3)
        factors = keras.random.uniform(shape, 1.0 - self.factor, 1.0 + self.factor, seed=self.generator)
        return keras.ops.clip(images * factors, *VALUE_RANGE)

    def get_config(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor, "seed": self.seed}


def build(policy: Augmentation, image_size: int, *, seed: int) -> keras.Model:
    """Build the policy: float images [N, S, S, 3] in [0, 255] -> the same, changed only when called with training=True.

    Args:
        policy: how far each change goes.
        image_size: S, in pixels.
        seed: of all random changes; layer i takes seed + i.
    """
    layers: list[keras.layers.Layer] = []

    def add(layer: type[keras.layers.Layer], *args: object, **kwargs: object) -> None:
        layers.append(layer(*args, seed=seed + len(layers), **kwargs))

    if policy.flips != "none":
        add(keras.layers.RandomFlip, "horizontal" if policy.flips == "horizontal" else "horizontal_and_vertical")
    if policy.rotation:
        add(keras.layers.RandomRotation, policy.rotation / 360.0, fill_mode="reflect")
    if policy.zoom:
        add(keras.layers.RandomZoom, policy.zoom, fill_mode="reflect")
    if policy.translation:
        add(keras.layers.RandomTranslation, policy.translation, policy.translation, fill_mode="reflect")
    if policy.brightness:
        add(keras.layers.RandomBrightness, policy.brightness, value_range=VALUE_RANGE)
    if policy.contrast:
        add(keras.layers.RandomContrast, policy.contrast, value_range=VALUE_RANGE)
    if policy.stain:
        add(ChannelJitter, policy.stain)
    return keras.Sequential([keras.Input((image_size, image_size, 3)), *layers], name="augmentation")
