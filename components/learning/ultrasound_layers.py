"""How ultrasound pictures of the same tissue vary: speckle, and the gain that the operator sets. Gray pictures stay gray."""

import math

import keras

VALUE_RANGE = (0.0, 255.0)


@keras.saving.register_keras_serializable(package="lobule")
class Speckle(keras.layers.Layer):
    """Multiply each pixel by 1 + noise; the noise's deviation is drawn for each image, and is the same for all channels.

    Args:
        deviation: largest standard deviation of the noise.
        seed: of deviations and noise.
    """

    def __init__(self, deviation: float, *, seed: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.deviation = deviation
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Speckle float images [N, H, W, 3] in [0, 255]; nothing happens outside training."""
        if not training:
            return images
        count, height, width = keras.ops.shape(images)[:3]
        deviation = keras.random.uniform((count, 1, 1, 1), 0.0, self.deviation, seed=self.generator)
        noise = keras.random.normal((count, height, width, 1), seed=self.generator)
        return keras.ops.clip(images * (1.0 + deviation * noise), *VALUE_RANGE)

    def get_config(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "deviation": self.deviation, "seed": self.seed}


@keras.saving.register_keras_serializable(package="lobule")
class Gain(keras.layers.Layer):
    """Brighten or darken mid-tones by a random gamma; black and white stay, as when the gain of a compressed display is turned.

    Args:
        factor: gamma lies between 1 / (1 + factor) and 1 + factor, evenly on a log scale.
        seed: of the gammas.
    """

    def __init__(self, factor: float, *, seed: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.factor = factor
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Change float images [N, H, W, 3] in [0, 255]; nothing happens outside training."""
        if not training:
            return images
        largest = math.log1p(self.factor)
        exponent = keras.ops.exp(keras.random.uniform((keras.ops.shape(images)[0], 1, 1, 1), -largest, largest, seed=self.generator))
        # x^g as x * x^(g - 1), by exp and log: black stays black, and it takes half the time of a power
        density = keras.ops.log(keras.ops.maximum(images, 1.0) / VALUE_RANGE[1])
        return keras.ops.clip(images * keras.ops.exp((exponent - 1.0) * density), *VALUE_RANGE)

    def get_config(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor, "seed": self.seed}
