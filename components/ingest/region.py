"""Region of interest: images cut down to their lesion masks, with a margin.

This happens in ingest and nowhere else: at full resolution, before an image is resized, and once for every split, so that
training, evaluation, the check of the packaged service and the drift reference all see the same cut. Identity, groups and
near duplicates stay those of the whole picture.

The mask is an oracle. A figure reached with it is that of somebody who already knows where the lesion is; data set, run, report
and model card say so, and the gate never lets such a model serve.
"""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from components.domain.artifacts import PIXELS_FILE, ROI_FILE, ROI_SHEET
from components.domain.console import progress
from components.domain.errors import InputError
from components.ingest.layouts.layout import Found
from components.ingest.survey import Survey
from serving.contract import ImageSpec
from serving.imaging import ImageError, Pixels, decode, fit
from serving.measure import properties

INSIDE = 127
"""A pixel of a mask belongs to the lesion if it is brighter."""
SHOWN = 8
"""At most so many images stand in the sheet, whole above and cut below."""
Mask = npt.NDArray[np.bool_]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Box:
    """A part of an image in pixels: rows top to bottom, columns left to right, the ends excluded."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, pixels: Pixels) -> Pixels:
        """Return this part of uint8 [h, w, 3]."""
        return np.ascontiguousarray(pixels[self.top : self.bottom, self.left : self.right])


@dataclass(frozen=True)
class Cut:
    """What was kept of one image, and the properties of that part."""

    box: Box
    properties: dict[str, float]


@dataclass(frozen=True)
class Counts:
    """What became of the images: cut down to their mask; left whole because it is blank, missing or unusable."""

    margin: float
    cut: int = 0
    blank: int = 0
    missing: int = 0
    unusable: int = 0


def lesion_box(mask: Mask, *, margin: float) -> Box | None:
    """Return the part of an image around its lesion: a square where the image has room, so that its shape is not stretched.

    Args:
        mask: bool [h, w].
        margin: added on every side, as a share of the lesion's longer side.

    Returns:
        The part, or None for a blank mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    tall, wide = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    side = round(max(tall, wide) * (1 + 2 * margin))
    top, bottom = _span(int(rows[0]), tall, side, mask.shape[0])
    left, right = _span(int(columns[0]), wide, side, mask.shape[1])
    return Box(top, bottom, left, right)


def cut_to_masks(found: Survey, directory: Path, spec: ImageSpec, *, margin: float) -> dict[int, Cut]:
    """Write the cut images over the whole ones in `pixels.npy`, and `roi.json` and `roi.png` beside it.

    Args:
        found: the survey; row i of the pixels is image `found.kept[i]`.
        directory: of the data set.
        spec: size of the pixels.
        margin: as for `lesion_box`.

    Returns:
        The cut of each image that has a lesion, by its row in `found.images`.

    Raises:
        InputError: if no image has a mask.
    """
    if not any(found.images[row].found.masks for row in found.kept):
        raise InputError(f"roi=mask needs images with lesion masks, but the layout {found.listing.layout} has none; set roi=none")
    target = np.lib.format.open_memmap(directory / PIXELS_FILE, mode="r+")
    cuts: dict[int, Cut] = {}
    number = dict.fromkeys(("blank", "missing", "unusable"), 0)
    shown: list[Pixels] = []
    every = max(1, len(found.kept) // SHOWN)
    for place, row in enumerate(progress(found.kept, len(found.kept), "images cut to their masks")):
        each = found.images[row].found
        if not each.masks:
            number["missing"] += 1
            continue
        pixels = decode(each.path.read_bytes()).pixels
        mask = _read_mask(each, (pixels.shape[0], pixels.shape[1]))
        box = None if mask is None else lesion_box(mask, margin=margin)
        if box is None:
            number["unusable" if mask is None else "blank"] += 1
            continue
        part = box.cut(pixels)
        cuts[row] = Cut(box, properties(part))
        whole, target[place] = fit(pixels, spec), fit(part, spec)
        if mask is not None and len(cuts) % every == 1 % every and len(shown) < SHOWN:
            shown.append(np.concatenate([_outlined(whole, box, mask.shape), target[place]], axis=0))
    target.flush()
    counts = Counts(margin, cut=len(cuts), **number)
    (directory / ROI_FILE).write_text(json.dumps(asdict(counts), indent=2) + "\n", encoding="utf-8")
    if shown:
        Image.fromarray(np.concatenate(shown, axis=1)).save(directory / ROI_SHEET)
    logger.warning(
        "ORACLE: %d images, the test split's too, are cut to their lesion masks; %d stay whole (blank mask %d, no mask %d, unusable %d). "
        "No user has a mask, so the model is marked and never champion",
        *(counts.cut, sum(number.values()), counts.blank, counts.missing, counts.unusable),
    )  # fmt: skip
    return cuts


def _read_mask(found: Found, shape: tuple[int, int]) -> Mask | None:
    """Return the union of an image's masks, bool [h, w]; None, and a warning, if one cannot be read or has another size."""
    whole = np.zeros(shape, dtype=np.bool_)
    for name, file in zip(found.masks, found.mask_files, strict=True):
        try:
            part = decode(file.read_bytes()).pixels.max(axis=2) > INSIDE
        except (OSError, ImageError) as error:
            logger.warning("%s stays whole: its mask %s cannot be read (%s)", found.source, name, error)
            return None
        if part.shape != shape:
            logger.warning("%s stays whole: its mask %s is %s pixels and the image %s", found.source, name, part.shape, shape)
            return None
        whole |= part
    return whole


def _span(start: int, length: int, side: int, size: int) -> tuple[int, int]:
    """Return begin and end of `side` pixels around `length` pixels at `start`, moved and at last shortened to lie in [0, size)."""
    begin = start - (side - length) // 2
    begin = min(max(begin, 0), max(0, size - side))
    return begin, min(begin + side, size)


def _outlined(pixels: Pixels, box: Box, shape: tuple[int, ...]) -> Pixels:
    """Draw the box, given in an image of `shape`, on that image resized: uint8 [S, S, 3]."""
    drawn = pixels.copy()
    height, width = drawn.shape[:2]
    top, bottom = (min(height - 1, edge * height // shape[0]) for edge in (box.top, box.bottom))
    left, right = (min(width - 1, edge * width // shape[1]) for edge in (box.left, box.right))
    for line in (
        np.s_[top, left : right + 1],
        np.s_[bottom, left : right + 1],
        np.s_[top : bottom + 1, left],
        np.s_[top : bottom + 1, right],
    ):
        drawn[line] = (255, 200, 0)
    return drawn
