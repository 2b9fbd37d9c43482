"""An augmentation policy: how far each change of an image goes. Its Keras layers are `components.learning.augmentation`."""

from dataclasses import dataclass, fields, replace
from typing import Literal

from components.domain.errors import require


@dataclass(frozen=True)
class Augmentation:
    """What happens to a training image inside the graph; 0 or False switches a part off.

    Attributes:
        flips: horizontal and, for tissue that has no up, vertical flips.
        rotation: largest angle in degrees, either way.
        zoom: largest relative change of scale, 0.1 = 90 % to 110 %; from 1 on each axis by its own factor in [1 - zoom, 1 + zoom],
            mirrored below 0, as the `zoom_range` of published notebooks.
        translation: largest shift as a share of the side.
        shear: largest shear, as a share of the side over which the far edge moves.
        crop: largest share of the side that is cut away, anywhere; the rest fills the image again.
        brightness: largest shift as a share of the value range.
        contrast: largest relative change.
        grayscale: share of the images that lose their colour.
        stain: largest relative change of each colour channel (hue of the stain).
        hed: largest relative change, and shift in optical density, of hematoxylin and eosin.
        speckle: largest relative deviation of multiplicative noise (ultrasound).
        gain: largest relative change of the display's gamma (ultrasound).
        randaugment: strength of two random operations for each batch (Cubuk et al., 2020), on top of the others. Keras computes all
            eleven and picks, so on a CPU it takes ten times as long as all the rest (about 70 images of 224 x 224 a second on two cores).
        mixup: alpha of MixUp (Zhang et al., 2018); pictures and labels of two images are blended.
        cutmix: largest alpha of CutMix (Yun et al., 2019); with `mixup` too, each batch takes one of them.
    """

    flips: Literal["none", "horizontal", "both"] = "horizontal"
    rotation: float = 0.0
    zoom: float = 0.0
    translation: float = 0.0
    shear: float = 0.0
    crop: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    grayscale: float = 0.0
    stain: float = 0.0
    hed: float = 0.0
    speckle: float = 0.0
    gain: float = 0.0
    randaugment: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        require(0 <= self.rotation <= 180, "augmentation.rotation must lie in [0, 180] degrees", self.rotation, "set it within")
        require(0 <= self.zoom <= 2, "augmentation.zoom must lie in [0, 2]", self.zoom, "set it within")
        for name in ("translation", "shear", "crop", "brightness", "contrast", "stain", "hed", "speckle", "gain"):
            value = getattr(self, name)
            require(0 <= value < 1, f"augmentation.{name} must lie in [0, 1)", value, "set it within")
        for name in ("grayscale", "randaugment", "mixup", "cutmix"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"augmentation.{name} must lie in [0, 1]", value, "set it within")
        require(
            self.flips in ("none", "horizontal", "both"), "augmentation.flips must be none, horizontal or both", self.flips, "choose one"
        )

    def scaled(self, factor: float) -> "Augmentation":
        """Return the policy with every change and share multiplied by a factor, up to what is allowed; flips stay.

        >>> Augmentation(flips="both", rotation=90, brightness=0.1).scaled(1.5)  # doctest: +ELLIPSIS
        Augmentation(flips='both', rotation=135.0, zoom=0.0, translation=0.0, shear=0.0, crop=0.0, brightness=0.15, ...)
        """
        if factor == 1:
            return self
        changed = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                continue
            most = 180.0 if field.name == "rotation" else 2.0 if field.name == "zoom" and value >= 1 else 0.99
            changed[field.name] = min(round(value * factor, 6), most)
        return replace(self, **changed)
