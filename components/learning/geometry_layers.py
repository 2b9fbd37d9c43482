"""Geometric changes that Keras has no layer for: a random crop that fills the image again, and the wide zoom of published notebooks."""

import keras


@keras.saving.register_keras_serializable(package="lobule")
class CropAndResize(keras.layers.Layer):
    """Cut a random share of the sides away, at a random place, and enlarge the rest to the whole image.

    Args:
        share: largest share of the side that is cut away; the sides keep their proportion.
        seed: of share and place.
    """

    def __init__(self, share: float, *, seed: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.share = share
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Crop float images [N, S, S, 3]; nothing happens outside training."""
        if not training:
            return images
        draws = keras.random.uniform((keras.ops.shape(images)[0], 3), seed=self.generator)
        cut = self.share * draws[:, 0]
        left, top = cut * draws[:, 1] * (images.shape[2] - 1), cut * draws[:, 2] * (images.shape[1] - 1)
        return _transform(images, 1 - cut, left, 1 - cut, top)

    def get_config(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "share": self.share, "seed": self.seed}


@keras.saving.register_keras_serializable(package="lobule")
class WideZoom(keras.layers.Layer):
    """Zoom each axis by its own factor in [1 - width, 1 + width]; below 0 the image is mirrored, near 0 a few pixels fill it all.

    This is what `zoom_range=width` of `ImageDataGenerator` does with a number above 1, edges repeated outwards. It stands here to
    reproduce published protocols; it makes pictures that no scanner makes.

    Args:
        width: half the range of the factors.
        seed: of the factors.
    """

    def __init__(self, width: float, *, seed: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Zoom float images [N, S, S, 3]; nothing happens outside training."""
        if not training:
            return images
        shape = (keras.ops.shape(images)[0], 2)
        factors = keras.random.uniform(shape, 1.0 - self.width, 1.0 + self.width, seed=self.generator)
        x, y = factors[:, 0], factors[:, 1]
        return _transform(images, x, (1 - x) * (images.shape[2] - 1) / 2, y, (1 - y) * (images.shape[1] - 1) / 2)

    def get_config(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "width": self.width, "seed": self.seed}


def _transform(
    images: keras.KerasTensor, x: keras.KerasTensor, left: keras.KerasTensor, y: keras.KerasTensor, top: keras.KerasTensor
) -> keras.KerasTensor:
    """Take output pixel (column, row) from (x * column + left, y * row + top), bilinearly, edges repeated: [N] each."""
    zero = keras.ops.zeros_like(x)
    transform = keras.ops.stack([x, zero, left, zero, y, top, zero, zero], axis=1)
    return keras.ops.image.affine_transform(images, transform, interpolation="bilinear", fill_mode="nearest")
