"""How the colour of stained tissue varies between laboratories: per colour channel, or per stain in optical density."""

import keras
import numpy as np

from components.learning.random_layer import VALUE_RANGE, RandomLayer

HED = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]], dtype=np.float32)
"""Optical density of hematoxylin, eosin and DAB in red, green and blue (Ruifrok and Johnston, Anal Quant Cytol Histol 23 (2001) 291)."""
_FROM_RGB = np.linalg.inv(HED.astype(np.float64)).astype(np.float32)


@keras.saving.register_keras_serializable(package="lobule")
class ChannelJitter(RandomLayer):
    """Scale each colour channel of each image by its own random factor, as the hue of a stain varies between slides.

    Args:
        amount: largest relative change.
        seed: of the random factors.
    """

    def change(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Scale float images [N, H, W, 3] in [0, 255]."""
        shape = (keras.ops.shape(images)[0], 1, 1, 3)
        factors = keras.random.uniform(shape, 1.0 - self.amount, 1.0 + self.amount, seed=self.generator)
        return keras.ops.clip(images * factors, *VALUE_RANGE)


@keras.saving.register_keras_serializable(package="lobule")
class StainJitter(RandomLayer):
    """Change how much of each stain an image holds (Tellez et al., IEEE TMI 37 (2018) 2126).

    Pixels are taken apart into hematoxylin, eosin and a rest by their optical density, `-ln(value / 255)`; each part s becomes
    `scale * s + shift` with scale and shift drawn once for an image and stain; then they are put together again.

    Args:
        amount: scales lie in 1 +- amount, shifts in +- amount of optical density.
        seed: of scales and shifts.
    """

    def change(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Stain float images [N, H, W, 3] in [0, 255] anew."""
        shape = (keras.ops.shape(images)[0], 1, 1, 3)
        scale = keras.random.uniform(shape, 1.0 - self.amount, 1.0 + self.amount, seed=self.generator)
        shift = keras.random.uniform(shape, -self.amount, self.amount, seed=self.generator)
        density = -keras.ops.log(keras.ops.maximum(images, 1.0) / VALUE_RANGE[1])
        stains = keras.ops.matmul(density, _FROM_RGB) * scale + shift
        return keras.ops.clip(VALUE_RANGE[1] * keras.ops.exp(-keras.ops.matmul(stains, HED)), *VALUE_RANGE)
