"""What a kind of sample is: a plan of shots, and a painter of the scenes that they are taken from.

One implementation a file: `histology.py`, `ultrasound.py`, `idc.py`. Paths and labels are planned before anything is painted,
so that scenes can be painted in any order, by any number of workers.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""uint8 RGB [h, w, 3]; for a mask uint8 [h, w], 0 or 255."""


class Change(StrEnum):
    """What was done to a picture before it was written a second time."""

    NONE = "none"
    EXACT = "exact"
    CROP = "crop"
    BRIGHTNESS = "brightness"
    JPEG = "jpeg"
    CALIPERS = "calipers"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    TEXT = "text"


BROKEN = (Change.TRUNCATED, Change.EMPTY, Change.TEXT)
"""Changes after which a file is no image."""


@dataclass(frozen=True)
class Shot:
    """One image file to be written.

    Attributes:
        path: below the sample's directory, with forward slashes.
        label: its class.
        group: patient or slide; "" where the layout knows none.
        scene: what it is taken from.
        part: which picture of the scene.
        masks: paths of its lesion masks.
        change: what sets it apart from the picture.
    """

    path: str
    label: str
    group: str
    scene: int
    part: int = 0
    masks: tuple[str, ...] = ()
    change: Change = Change.NONE


@dataclass(frozen=True)
class Picture:
    """What a scene looks like: uint8 RGB [h, w, 3], with lesion masks uint8 [h, w]."""

    pixels: Pixels
    masks: tuple[Pixels, ...] = ()


class Kind(Protocol):
    """A sample of one kind, seed and size."""

    near_changes: tuple[Change, ...]
    """Changes that make a near duplicate of this kind of picture."""

    def shots(self) -> list[Shot]:
        """Return the originals: one per picture."""

    def again(self, shot: Shot, label: str, *, elsewhere: bool) -> tuple[str, str, tuple[str, ...]]:
        """Name one more file for a picture, each call anew.

        Args:
            shot: an original.
            label: class to file it under.
            elsewhere: under another patient of that class, where the kind has patients of one class.

        Returns:
            Its path, its group and the paths of its masks.
        """

    def paint(self, scene: int) -> list[Picture]:
        """Paint a scene: its pictures, by part."""
