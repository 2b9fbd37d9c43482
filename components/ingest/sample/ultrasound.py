"""Breast ultrasound in the layout of BUSI: `Dataset_BUSI_with_GT/<class>/<class> (n).png` with `<class> (n)_mask.png` beside it.

Shares of the classes are those of BUSI (Al-Dhabyani et al., Data in Brief 28 (2020) 104863): 17 % normal, 56 % benign, 27 %
malignant. The mask of a normal image is black; an image with a second lesion has `_mask_1.png` too. No patients are known.
"""

from collections import Counter

import numpy as np

from components.ingest.sample.fields import generator
from components.ingest.sample.insonify import insonify
from components.ingest.sample.kind import Change, Picture, Shot
from components.ingest.sample.lesion import Lesion, draw_lesion

FOLDER = "Dataset_BUSI_with_GT"
CLASSES = ("normal", "benign", "malignant")
SHARES = (0.17, 0.56, 0.27)
MEAN, SPREAD = {"benign": 0.25, "malignant": 0.75}, 0.14
"""Mean malignancy of a lesion of each class, and its standard deviation."""
SECOND = 0.05
"""Share of lesion images that show two lesions."""
_CODE = 2
_PLAN, _SCENE = range(2)


class Ultrasound:
    """The frames of `images` pictures; see the module."""

    near_changes: tuple[Change, ...] = (Change.CROP, Change.BRIGHTNESS, Change.JPEG, Change.CALIPERS)

    def __init__(self, images: int, seed: int) -> None:
        """Deal out classes and lesions."""
        self._seed = seed
        normal, malignant = (max(3, round(images * SHARES[place])) for place in (0, 2))
        labels = ["normal"] * normal + ["benign"] * (images - normal - malignant) + ["malignant"] * malignant
        self._taken: Counter[str] = Counter()
        self._labels = labels
        rng = generator(seed, _CODE, _PLAN)
        self._lesions = [0 if label == "normal" else 1 + int(rng.random() < SECOND) for label in labels]
        self._shots = []
        for scene, label in enumerate(labels):
            path, group, masks = self._name(label, max(1, self._lesions[scene]))
            self._shots.append(Shot(path, label, group, scene, masks=masks))

    def _name(self, label: str, masks: int) -> tuple[str, str, tuple[str, ...]]:
        self._taken[label] += 1
        stem = f"{FOLDER}/{label}/{label} ({self._taken[label]})"
        return f"{stem}.png", "", tuple(f"{stem}_mask{f'_{number}' if number else ''}.png" for number in range(masks))

    def shots(self) -> list[Shot]:
        """Return one shot a frame."""
        return list(self._shots)

    def again(self, shot: Shot, label: str, *, elsewhere: bool) -> tuple[str, str, tuple[str, ...]]:
        """Name the next image of a class; there are no patients to choose from."""
        return self._name(label, len(shot.masks))

    def paint(self, scene: int) -> list[Picture]:
        """Paint one frame with its masks."""
        rng = generator(self._seed, _CODE, _SCENE, scene)
        label = self._labels[scene]
        shape = (int(rng.integers(184, 233)), int(rng.integers(224, 257)))
        lesions: list[Lesion] = []
        for number in range(self._lesions[scene]):
            malignancy = float(np.clip(rng.normal(MEAN[label], SPREAD), 0, 1))
            lesions.append(draw_lesion(rng, shape, malignancy, side=number))
        pixels = insonify(rng, shape, lesions)
        masks = tuple(np.asarray(255 * lesion.mask(shape), dtype=np.uint8) for lesion in lesions)
        return [Picture(pixels, masks or (np.zeros(shape, dtype=np.uint8),))]
