"""IDC patches in the layout of Cruz-Roa et al. (SPIE 2014): `<slide>/<0|1>/<slide>_idx5_x<X>_y<Y>_class<0|1>.png`, 50 x 50.

Patches are cut side by side from a few larger slides; a tumour covers a part of each slide, so every slide holds both classes
and the slide is the group. A patch is positive when its centre lies in the tumour; at its rim patches are hard to tell.
"""

from collections import Counter

import numpy as np

from components.ingest.sample.fields import Field, generator, smooth_field
from components.ingest.sample.kind import Change, Picture, Shot
from components.ingest.sample.stain import draw_stain, photograph
from components.ingest.sample.tissue import paint_tissue

SIDE = 50
GRID = 10
"""Patches along each side of a slide."""
CLASSES = ("0", "1")
POSITIVE = 0.4
"""Share of a slide's patches that lie in the tumour."""
_CODE = 3
_SLIDES, _PICK, _PAINT = range(3)


class Idc:
    """The patches of `images` pictures; see the module."""

    near_changes: tuple[Change, ...] = (Change.BRIGHTNESS, Change.JPEG)

    def __init__(self, images: int, seed: int) -> None:
        """Lay out slides of at most 60 patches each, at least 5, and pick the patches."""
        self._seed = seed
        slides = max(5, -(-images // 60))
        self._numbers = 8863 + np.sort(generator(seed, _CODE, _SLIDES).choice(8000, slides, replace=False))
        self._free: dict[int, list[int]] = {}
        self._cells: dict[int, list[int]] = {}
        self._shots = []
        taken: Counter[int] = Counter()
        for scene in range(slides):
            order = generator(seed, _CODE, _PICK, scene).permutation(GRID * GRID)
            here = [int(cell) for cell in order[: images // slides + (scene < images % slides)]]
            positive = self._positive(scene)
            self._cells[scene] = here
            self._free[scene] = [int(cell) for cell in order[len(here) :]]
            for cell in here:
                path, group = self._name(scene, cell, CLASSES[int(positive[cell])])
                self._shots.append(Shot(path, CLASSES[int(positive[cell])], group, scene, part=taken[scene]))
                taken[scene] += 1

    def _name(self, scene: int, cell: int, label: str) -> tuple[str, str]:
        slide = str(self._numbers[scene])
        row, column = divmod(cell, GRID)
        return f"{slide}/{label}/{slide}_idx5_x{column * SIDE + 1}_y{row * SIDE + 1}_class{label}.png", slide

    def _tumour(self, scene: int) -> Field:
        """Return how deep each pixel of a slide lies in the tumour, positive inside: float32 [500, 500]."""
        side = SIDE * GRID
        rng = generator(self._seed, _CODE, _SLIDES, 1 + scene)
        return smooth_field(rng, (side, side), 150.0) + 0.25 * smooth_field(rng, (side, side), 40.0)

    def _positive(self, scene: int) -> list[bool]:
        centres = self._tumour(scene)[SIDE // 2 :: SIDE, SIDE // 2 :: SIDE].ravel()
        return [bool(value) for value in centres > np.quantile(centres, 1 - POSITIVE)]

    def shots(self) -> list[Shot]:
        """Return one shot a patch."""
        return list(self._shots)

    def again(self, shot: Shot, label: str, *, elsewhere: bool) -> tuple[str, str, tuple[str, ...]]:
        """Name a copy after a place of the same slide that no patch was cut from."""
        path, group = self._name(shot.scene, self._free[shot.scene].pop(), label)
        return path, group, ()

    def paint(self, scene: int) -> list[Picture]:
        """Paint a slide and cut its patches."""
        rng = generator(self._seed, _CODE, _PAINT, scene)
        depth = self._tumour(scene)
        limit = np.quantile(depth[SIDE // 2 :: SIDE, SIDE // 2 :: SIDE], 1 - POSITIVE)
        grade = rng.uniform(0.75, 0.95)
        malignancy = np.clip(0.15 + (grade - 0.15) * (0.5 + 0.5 * np.tanh((depth - limit) / 0.25)), 0, 1).astype(np.float32)
        tissue = paint_tissue(rng, malignancy, magnification=float(rng.uniform(0.6, 0.72)))
        slide = photograph(tissue.haematoxylin, tissue.eosin, draw_stain(rng, scene), rng)
        corners = [(SIDE * (cell // GRID), SIDE * (cell % GRID)) for cell in self._cells[scene]]
        return [Picture(np.ascontiguousarray(slide[top : top + SIDE, left : left + SIDE])) for top, left in corners]
