"""What a real folder holds and nobody ordered: near duplicates, the same file under two labels, files that are no image.

They are planted on purpose and counted, so that what ingest finds can be held against what is there.
"""

import dataclasses
import io

import numpy as np
from PIL import Image, ImageDraw

from components.ingest.sample.fields import generator
from components.ingest.sample.kind import BROKEN, Change, Kind, Picture, Pixels, Shot

PLANTED = 99
"""Key of the generators in this module; kinds use small numbers."""


def near_duplicates_in(images: int) -> int:
    """Return how many near duplicates a sample of `images` images gets: 2 %, between 2 and 60."""
    return int(np.clip(images // 50, 2, 60))


def plant(kind: Kind, duplicates: int, seed: int) -> list[Shot]:
    """Plan the planted files of a sample.

    Args:
        kind: names the new files.
        duplicates: how many near duplicates; every fifth is filed under another patient where the kind has patients.
        seed: of the choice.

    Returns:
        Near duplicates, then one exact copy under another label, then one broken file of each sort.
    """
    originals = kind.shots()
    rng = generator(seed, PLANTED)
    # One copy a picture at most, and spread over the classes: pick from each class in turn.
    by_label = {label: [shot for shot in originals if shot.label == label] for label in sorted({shot.label for shot in originals})}
    shuffled = [[shots[place] for place in rng.permutation(len(shots))] for shots in by_label.values()]
    turns = [shot for turn in zip(*shuffled, strict=False) for shot in turn]
    planted = []
    roomy = len({shot.group for shot in originals}) >= 12
    for number in range(duplicates):
        change = kind.near_changes[number % len(kind.near_changes)]
        planted.append(_again(kind, turns[number], turns[number].label, change, elsewhere=roomy and number % 5 == 4))
    conflict = next(shot for shot in turns[duplicates:] if shot.label in ("benign", "0"))
    planted.append(_again(kind, conflict, "malignant" if conflict.label == "benign" else "1", Change.EXACT, elsewhere=False))
    for change, shot in zip(BROKEN, [shot for shot in turns[duplicates:] if shot != conflict], strict=False):
        planted.append(dataclasses.replace(_again(kind, shot, shot.label, change, elsewhere=False), masks=()))
    return planted


def _again(kind: Kind, shot: Shot, label: str, change: Change, *, elsewhere: bool) -> Shot:
    path, group, masks = kind.again(shot, label, elsewhere=elsewhere)
    return Shot(path, label, group, shot.scene, shot.part, masks, change)


def develop(shot: Shot, picture: Picture) -> list[tuple[str, bytes]]:
    """Return the files of a shot: its image, changed as planned, and its masks, as (path, bytes)."""
    pixels = _changed(picture, shot.change)
    masks = picture.masks
    if shot.change is Change.CROP:
        masks = tuple(_crop(mask, Image.Resampling.NEAREST) for mask in masks)
    data = png(pixels)
    if shot.change is Change.TRUNCATED:
        data = data[: len(data) * 3 // 5]
    elif shot.change is Change.EMPTY:
        data = b""
    elif shot.change is Change.TEXT:
        data = b"404: the image has moved\n"
    return [(shot.path, data), *((path, png(mask)) for path, mask in zip(shot.masks, masks, strict=False))]


def _changed(picture: Picture, change: Change) -> Pixels:
    if change is Change.CROP:
        return _crop(picture.pixels, Image.Resampling.BICUBIC)
    if change is Change.BRIGHTNESS:
        return np.asarray(np.clip(np.rint(picture.pixels * 1.05 + 4.0), 0, 255), dtype=np.uint8)
    if change is Change.JPEG:
        buffer = io.BytesIO()
        Image.fromarray(picture.pixels).save(buffer, "JPEG", quality=82)
        return np.asarray(Image.open(buffer).convert("RGB"))
    if change is Change.CALIPERS:
        return _calipers(picture)
    return picture.pixels


def _crop(pixels: Pixels, how: Image.Resampling) -> Pixels:
    """Cut 1 % off two sides and enlarge to the old size, as a second export of the same picture does."""
    height, width = pixels.shape[:2]
    box = (max(1, width // 100), max(1, height // 100), width, height)
    return np.asarray(Image.fromarray(pixels).resize((width, height), how, box=box))


def _calipers(picture: Picture) -> Pixels:
    """Mark the width and height of the lesion with crosses and dotted lines, as sonographers do."""
    image = Image.fromarray(picture.pixels)
    draw = ImageDraw.Draw(image)
    rows, columns = np.nonzero(picture.masks[0])
    if not len(rows):
        rows, columns = (np.array([side // 3, 2 * side // 3]) for side in picture.masks[0].shape)
    top, bottom, left, right = int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())
    y, x = (top + bottom) // 2, (left + right) // 2
    for cy, cx in ((top, x), (bottom, x), (y, left), (y, right)):
        draw.line((cx - 3, cy, cx + 3, cy), fill="white")
        draw.line((cx, cy - 3, cx, cy + 3), fill="white")
    draw.point([(x, row) for row in range(top, bottom, 4)] + [(column, y) for column in range(left, right, 4)], fill="white")
    return np.asarray(image)


def png(pixels: Pixels) -> bytes:
    """Return the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()
