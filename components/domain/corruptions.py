"""What happens to images between the patient and the model: noise, blur, compression, light, stain, gain, each in five severities.

The idea, and five severities of it, are those of Hendrycks and Dietterich (ICLR 2019). Their numbers are for photographs of things;
ours are milder, so that severity 1 is what a person hardly sees and 5 is the worst that is still the picture of something. Every
corruption has one direction, as a scanner or laboratory has that changed: a set of images moves together. Noise alone is drawn anew,
from the seed. Gray pictures stay gray, except under `stain`, which is for stained tissue alone.
"""

import io
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from components.domain.errors import InputError

Pixels = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]
Noise = Callable[[], Values]
"""Draws standard normal noise, one value a pixel and channel; the same in all channels of a gray picture."""

SEVERITIES = MappingProxyType(
    {
        "noise": (0.02, 0.04, 0.08, 0.12, 0.18),
        "blur": (0.5, 1.0, 1.5, 2.0, 3.0),
        "jpeg": (80, 60, 40, 20, 10),
        "brighter": (0.05, 0.1, 0.15, 0.2, 0.3),
        "darker": (0.05, 0.1, 0.15, 0.2, 0.3),
        "contrast": (0.85, 0.7, 0.55, 0.4, 0.25),
        "stain": (0.1, 0.2, 0.3, 0.4, 0.5),
        "gain": (0.15, 0.3, 0.5, 0.75, 1.0),
        "speckle": (0.1, 0.2, 0.3, 0.45, 0.6),
    }
)
"""The number of each severity, 1 to 5; `MEANINGS` says what it is."""
CORRUPTIONS: tuple[str, ...] = tuple(SEVERITIES)
MEANINGS = MappingProxyType(
    {
        "noise": "standard deviation of Gaussian noise, of the full range",
        "blur": "standard deviation of a Gaussian blur, in pixels of an image whose short side has 224",
        "jpeg": "quality of JPEG compression",
        "brighter": "added to every pixel, of the full range",
        "darker": "taken from every pixel, of the full range",
        "contrast": "share of the distance to the image's mean that is kept",
        "stain": "more hematoxylin and less eosin, of each one's own amount",
        "gain": "gain of the display: pixels to the power of 1 / (1 + this)",
        "speckle": "standard deviation of multiplicative noise",
    }
)
COLOURED = 8
"""Difference between the channels of a pixel, of 255, up to which it is called gray: compression tints."""
SHORT_SIDE = 224
"""Pixels of the short side for which a blur is stated."""
HED = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Optical density of hematoxylin, eosin and DAB in red, green and blue (Ruifrok and Johnston, Anal Quant Cytol Histol 23 (2001) 291)."""
_FROM_RGB = np.linalg.inv(HED)


def corrupt(image: Pixels, kind: str, severity: int, *, seed: int) -> Pixels:
    """Corrupt one image.

    Args:
        image: uint8 RGB, [height, width, 3]; it is not changed.
        kind: one of `CORRUPTIONS`.
        severity: 1 (hardly seen) to 5.
        seed: of the noise; the other kinds draw nothing.

    Returns:
        A new image of the same shape.

    Raises:
        InputError: if the kind is unknown or the severity out of range.
    """
    if kind not in SEVERITIES:
        raise InputError(f"a corruption must be one of {', '.join(CORRUPTIONS)}, but got {kind!r}; name one of them")
    if severity not in range(1, 6):
        raise InputError(f"a severity must be a whole number from 1 to 5, but got {severity!r}; choose one of them")
    amount = SEVERITIES[kind][severity - 1]
    if kind in _FILTERS:
        return np.asarray(_FILTERS[kind](Image.fromarray(image), amount))
    random = np.random.default_rng(seed)
    changed = _CHANGES[kind](image / 255.0, amount, lambda: random.normal(size=(*image.shape[:2], 1 if is_gray(image) else 3)))
    return np.rint(np.clip(changed, 0.0, 1.0) * 255.0).astype(np.uint8)


def applicable(images: Pixels) -> tuple[str, ...]:
    """Return the corruptions that can happen to such images, uint8 [N, H, W, 3]: gray ones have no stain, coloured ones no speckle.

    What most of the images are counts: a set of ultrasound pictures may hold some with coloured marks.
    """
    gray = np.mean([is_gray(image) for image in images]) > 0.5
    return tuple(kind for kind in CORRUPTIONS if kind != ("stain" if gray else "speckle"))


def is_gray(image: Pixels) -> bool:
    """Tell whether an image [H, W, 3] is gray but for marks on it: one pixel in twenty may be coloured, by more than `COLOURED`."""
    coloured = image.max(axis=-1) - image.min(axis=-1) > COLOURED
    return bool(coloured.mean() <= 0.05)


def _blur(image: Image.Image, amount: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(amount * min(image.size) / SHORT_SIDE))


def _jpeg(image: Image.Image, quality: float) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(quality))
    return Image.open(buffer).convert("RGB")


def _stain(values: Values, amount: float, _: Noise) -> Values:
    density = -np.log(np.maximum(values, 1.0 / 255.0))
    stained: Values = np.exp(-(density @ _FROM_RGB * np.array([1.0 + amount, 1.0 - amount, 1.0])) @ HED)
    return stained


def _contrast(values: Values, amount: float, _: Noise) -> Values:
    mean = values.mean()
    changed: Values = mean + amount * (values - mean)
    return changed


_FILTERS: dict[str, Callable[[Image.Image, float], Image.Image]] = {"blur": _blur, "jpeg": _jpeg}
_CHANGES: dict[str, Callable[[Values, float, Noise], Values]] = {
    "noise": lambda values, amount, noise: values + amount * noise(),
    "brighter": lambda values, amount, _: values + amount,
    "darker": lambda values, amount, _: values - amount,
    "contrast": _contrast,
    "stain": _stain,
    "gain": lambda values, amount, _: values ** (1.0 / (1.0 + amount)),
    "speckle": lambda values, amount, noise: values * (1.0 + amount * noise()),
}
