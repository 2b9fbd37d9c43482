"""How ultrasound pictures of the same tissue vary: speckle, and the gain that the operator sets. Gray pictures stay gray."""

import math

import keras

from components.learning.random_layer import VALUE_RANGE, RandomLayer


@keras.saving.register_keras_serializable(package="lobule")
class Speckle(RandomLayer):
    """Multiply each pixel by 1 + noise; the noise's deviation is drawn for each image, and is the same for all channels.

    Args:
        amount: largest standard deviation of the noise.
        seed: of deviations and noise.
    """

    def change(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Speckle float images [N, H, W, 3] in [0, 255]."""
        count, height, width = keras.ops.shape(images)[:3]
        deviation = keras.random.uniform((count, 1, 1, 1), 0.0, self.amount, seed=self.generator)
        noise = keras.random.normal((count, height, width, 1), seed=self.generator)
        return keras.ops.clip(images * (1.0 + deviation * noise), *VALUE_RANGE)


@keras.saving.register_keras_serializable(package="lobule")
class Gain(RandomLayer):
    """Brighten or darken mid-tones by a random gamma; black and white stay, as when the gain of a compressed display is turned.

    Args:
        amount: gamma lies between 1 / (1 + amount) and 1 + amount, evenly on a log scale.
        seed: of the gammas.
    """

    def change(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Change float images [N, H, W, 3] in [0, 255]."""
        largest = math.log1p(self.amount)
        exponent = keras.ops.exp(keras.random.uniform((keras.ops.shape(images)[0], 1, 1, 1), -largest, largest, seed=self.generator))
        # x^g as x * x^(g - 1), by exp and log: black stays black, and it takes half the time of a power
        density = keras.ops.log(keras.ops.maximum(images, 1.0) / VALUE_RANGE[1])
        return keras.ops.clip(images * keras.ops.exp((exponent - 1.0) * density), *VALUE_RANGE)
