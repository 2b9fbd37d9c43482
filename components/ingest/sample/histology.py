"""Tissue tiles by class: `<benign|malignant>/<patient>_<n>.png`, 128 x 128, for example `malignant/p007_012.png`.

A patient has one diagnosis and several tiles. The name's first part is the patient, the unit that a split must not cut.
Patients of both classes share the same few batches of stain, so that colour says nothing about the class.
"""

from collections import Counter

import numpy as np

from components.ingest.sample.fields import generator
from components.ingest.sample.kind import Change, Picture, Shot
from components.ingest.sample.stain import draw_stain, photograph
from components.ingest.sample.tissue import paint_tissue

SIDE = 128
CLASSES = ("benign", "malignant")
MEAN = (0.25, 0.75)
"""Mean malignancy of each class; the classes overlap, as grades do."""
BETWEEN, WITHIN = 0.06, 0.14
"""Standard deviation of the malignancy between the patients of a class, and within a patient."""
BATCHES = 6
"""Different stains in a sample; each is shared by patients of both classes."""
THICKNESS = 0.07
"""Standard deviation of the logarithm of a section's thickness, which scales both stains."""
_CODE = 1
_PATIENTS, _TILES, _STAINS = range(3)


class Histology:
    """The tiles of `images` pictures; see the module."""

    near_changes: tuple[Change, ...] = (Change.CROP, Change.BRIGHTNESS, Change.JPEG)

    def __init__(self, images: int, seed: int) -> None:
        """Deal out patients and tiles: about 5 tiles a patient, 4 to 60 patients a class."""
        self._seed = seed
        self._patients = int(np.clip(images // 2 // 5, 4, 60))
        self._numbers = 1 + generator(seed, _CODE, _PATIENTS).permutation(2 * self._patients)
        self._shots: list[Shot] = []
        self._tiles: Counter[int] = Counter()
        for scene in range(images):
            label = scene % 2
            patient = (scene // 2) % self._patients
            path, group, _ = self._name(label, patient)
            self._shots.append(Shot(path, CLASSES[label], group, scene))

    def _name(self, label: int, patient: int) -> tuple[str, str, tuple[str, ...]]:
        number = int(self._numbers[2 * patient + label])
        self._tiles[number] += 1
        return f"{CLASSES[label]}/p{number:03d}_{self._tiles[number]:03d}.png", f"p{number:03d}", ()

    def shots(self) -> list[Shot]:
        """Return one shot a tile."""
        return list(self._shots)

    def again(self, shot: Shot, label: str, *, elsewhere: bool) -> tuple[str, str, tuple[str, ...]]:
        """Name the next tile of the same patient, or of the next one of that class."""
        return self._name(CLASSES.index(label), (shot.scene // 2 + int(elsewhere)) % self._patients)

    def paint(self, scene: int) -> list[Picture]:
        """Paint one tile."""
        label, patient = scene % 2, (scene // 2) % self._patients
        of_patient = generator(self._seed, _CODE, _PATIENTS, 1 + 2 * patient + label)
        grade = MEAN[label] + of_patient.normal(0, BETWEEN)
        magnification = np.exp(of_patient.normal(0, 0.06))
        stain = draw_stain(generator(self._seed, _CODE, _STAINS, patient % BATCHES), patient % BATCHES)
        rng = generator(self._seed, _CODE, _TILES, scene)
        malignancy = np.full((SIDE, SIDE), np.clip(rng.normal(grade, WITHIN), 0, 1), dtype=np.float32)
        tissue = paint_tissue(rng, malignancy, magnification=float(magnification))
        thickness = np.float32(np.exp(rng.normal(0, THICKNESS)))
        return [Picture(photograph(thickness * tissue.haematoxylin, thickness * tissue.eosin, stain, rng))]
