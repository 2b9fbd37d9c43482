"""What the random layers have in common: how far they go, a seed of their own, and that they rest outside training."""

import keras

VALUE_RANGE = (0.0, 255.0)
"""Of a pixel in training."""


class RandomLayer(keras.layers.Layer):
    """A layer that changes each image by draws of its own; a subclass says how in `change`.

    Args:
        amount: how far it goes.
        seed: of all its draws.
    """

    def __init__(self, amount: float, *, seed: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.amount = amount
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Change float images [N, H, W, 3] in [0, 255]; nothing happens outside training."""
        return self.change(images) if training else images

    def change(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Return the images, each changed by its own draws."""
        return images

    def get_config(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "amount": self.amount, "seed": self.seed}
