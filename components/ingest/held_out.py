"""Test images at their full size, kept beside the data set so that the packaged service can be asked what a user would ask it.

Only the decoded pixels are kept, as PNG: no metadata of the file, no name of a patient.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from components.domain.artifacts import held_out_file
from components.ingest.region import Cut
from components.ingest.survey import Survey
from serving.imaging import decode

HELD_OUT_IMAGES = 200
"""So many test images are kept at most, evenly spread over the split."""


def keep_held_out(found: Survey, splits: list[str], directory: Path, *, cuts: Mapping[int, Cut]) -> int:
    """Write test images of full size into the data set and return how many.

    Args:
        found: the survey; its kept images are the rows.
        splits: of each kept image, in the same order.
        directory: of the data set.
        cuts: what is kept of an image that is cut down to its lesion mask, by its row in `found.images`.
    """
    rows = [row for row, split in zip(found.kept, splits, strict=True) if split == "test"]
    chosen = sorted({rows[place] for place in np.linspace(0, len(rows) - 1, min(HELD_OUT_IMAGES, len(rows))).round().astype(int)})
    for row in chosen:
        image = found.images[row]
        target = held_out_file(directory, image.id)
        target.parent.mkdir(exist_ok=True)
        pixels = decode(image.found.path.read_bytes()).pixels
        Image.fromarray(cuts[row].box.cut(pixels) if row in cuts else pixels).save(target, "PNG", compress_level=1)
    return len(chosen)
