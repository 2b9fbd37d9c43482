"""How the colour of stained tissue varies between laboratories: per colour channel, or per stain in optical density."""

import keras
import numpy as np

VALUE_RANGE = (0.0, 255.0)
HED = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]], dtype=np.float32)
"""Optical density of hematoxylin, eosin and DAB in red, green and blue (Ruifrok and Johnston, Anal Quant Cytol Histol 23 (2001) 291)."""
_FROM_RGB = np.linalg.inv(HED.astype(np.float64)).astype(np.float32)


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


@keras.saving.register_keras_serializable(package="lobule")
class StainJitter(keras.layers.Layer):
    """Change how much of each stain an image holds (Tellez et al., IEEE TMI 37 (2018) 2126).

    Pixels are taken apart into hematoxylin, eosin and a rest by their optical density, `-ln(value / 255)`; each part s becomes
    `scale * s + shift` with scale and shift drawn once for an image and stain; then they are put together again.

    Args:
        strength: scales lie in 1 +- strength, shifts in +- strength of optical density.
        seed: of scales and shifts.
    """

    def __init__(self, strength: float, *, seed: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.strength = strength
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Stain float images [N, H, W, 3] in [0, 255] anew; nothing happens outside training."""
        if not training:
            return images
        shape = (keras.ops.shape(images)[0], 1, 1, 3)
        scale = keras.random.uniform(shape, 1.0 - self.strength, 1.0 + self.strength, seed=self.generator)
        shift = keras.random.uniform(shape, -self.strength, self.strength, seed=self.generator)
        density = -keras.ops.log(keras.ops.maximum(images, 1.0) / VALUE_RANGE[1])
        stains = keras.ops.matmul(density, _FROM_RGB) * scale + shift
        return keras.ops.clip(VALUE_RANGE[1] * keras.ops.exp(-keras.ops.matmul(stains, HED)), *VALUE_RANGE)

    def get_config(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "strength": self.strength, "seed": self.seed}
