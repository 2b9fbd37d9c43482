"""Geometric changes in one resampling, and the wide zoom of published notebooks.

Keras has a layer for each change, and each resamples the image bilinearly. Four in a row blur it (on BUSI the ultrasound policy put
41 % of the images outside the source's range of sharpness) and take four times as long; composed into one matrix they do neither.
"""

import math

import keras

from components.learning.random_layer import RandomLayer


@keras.saving.register_keras_serializable(package="lobule")
class Warp(keras.layers.Layer):
    """Flip, rotate, zoom, shear, crop and shift each image by its own draws, resampled once, edges mirrored outwards.

    Args:
        flips: `none`, `horizontal` or `both`; each flip has probability 1/2.
        rotation: largest angle in degrees, either way.
        zoom: scale lies in 1 +- zoom, the same for both axes.
        translation: largest shift, as a share of the side.
        shear: largest shear of each axis, as a share of the side.
        crop: largest share of the side that is cut away, anywhere; the rest fills the image.
        seed: of all draws.
    """

    def __init__(
        self,
        *,
        flips: str = "none",
        rotation: float = 0.0,
        zoom: float = 0.0,
        translation: float = 0.0,
        shear: float = 0.0,
        crop: float = 0.0,
        seed: int,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = {"flips": flips, "rotation": rotation, "zoom": zoom, "translation": translation, "shear": shear, "crop": crop}
        self.flips, self.rotation, self.zoom, self.translation, self.shear, self.crop = flips, rotation, zoom, translation, shear, crop
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Warp float images [N, S, S, 3]; nothing happens outside training."""
        if not training:
            return images
        draws = keras.random.uniform((keras.ops.shape(images)[0], 11), -1.0, 1.0, seed=self.generator)
        angle, zoom, right, down, lean, rise, cut, left, top, mirror, turn = keras.ops.unstack(draws, axis=1)
        angle, cut = angle * self.rotation * math.pi / 180, (cut + 1) / 2 * self.crop
        scale = (1 + zoom * self.zoom) * (1 - cut)
        across = scale * (keras.ops.where(mirror < 0, -1.0, 1.0) if self.flips != "none" else 1.0)
        along = scale * (keras.ops.where(turn < 0, -1.0, 1.0) if self.flips == "both" else 1.0)
        cosine, sine, lean, rise = keras.ops.cos(angle), keras.ops.sin(angle), lean * self.shear, rise * self.shear
        matrix = (
            across * (cosine - sine * rise),
            across * (cosine * lean - sine),
            along * (sine + cosine * rise),
            along * (sine * lean + cosine),
        )
        width, height = images.shape[2] - 1, images.shape[1] - 1
        shift = (right * self.translation + left * cut / 2) * width, (down * self.translation + top * cut / 2) * height
        return _resample(images, matrix, shift, fill="reflect")

    def get_config(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {**super().get_config(), **self.settings, "seed": self.seed}


@keras.saving.register_keras_serializable(package="lobule")
class WideZoom(RandomLayer):
    """Zoom each axis by its own factor in [1 - amount, 1 + amount]; below 0 the image is mirrored, near 0 a few pixels fill it all.

    This is what `zoom_range=width` of `ImageDataGenerator` does with a number above 1, edges repeated outwards. It stands here to
    reproduce published protocols; it makes pictures that no scanner makes.

    Args:
        amount: half the range of the factors.
        seed: of the factors.
    """

    def change(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Zoom float images [N, S, S, 3]."""
        shape = (keras.ops.shape(images)[0], 2)
        across, along = keras.ops.unstack(keras.random.uniform(shape, 1.0 - self.amount, 1.0 + self.amount, seed=self.generator), axis=1)
        zero = keras.ops.zeros_like(across)
        return _resample(images, (across, zero, zero, along), (zero, zero), fill="nearest")


def _resample(
    images: keras.KerasTensor, matrix: tuple[keras.KerasTensor, ...], shift: tuple[keras.KerasTensor, keras.KerasTensor], *, fill: str
) -> keras.KerasTensor:
    """Take each output pixel from `centre + matrix (pixel - centre) + shift`, bilinearly.

    Args:
        images: float [N, S, S, 3].
        matrix: its four numbers row by row, x before y, [N] each.
        shift: in pixels, x and y, [N] each.
        fill: what lies outside, as in `keras.ops.image.affine_transform`.
    """
    xx, xy, yx, yy = matrix
    x, y = (images.shape[2] - 1) / 2, (images.shape[1] - 1) / 2
    zero = keras.ops.zeros_like(xx)
    rows = [xx, xy, x + shift[0] - xx * x - xy * y, yx, yy, y + shift[1] - yx * x - yy * y, zero, zero]
    return keras.ops.image.affine_transform(images, keras.ops.stack(rows, axis=1), interpolation="bilinear", fill_mode=fill)
