"""Take the fingerprint of a source in seconds: from its list of files and some dozens of decoded images."""

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from components.domain.errors import InputError
from components.domain.fingerprint import Fingerprint, Machine
from components.ingest.layouts import Listing
from components.ingest.layouts.layout import Found
from serving.imaging import MAX_BYTES, ImageError, decode
from serving.measure import properties

logger = logging.getLogger(__name__)
SAMPLE = 32
"""So many images are decoded, spread evenly over the sorted list, so that classes and patients are among them as they are in the source."""
COUNTED = 20_000
"""Copies are looked for among no more images than this; to read more would take minutes."""
_HEAD = 2**16


def take_fingerprint(listing: Listing, *, machine: Machine, imagenet: bool, fits: str = "") -> Fingerprint:
    """Measure a listed source.

    Args:
        listing: its images.
        machine: where training will run.
        imagenet: the weights of Keras can be had.
        fits: backbone whose weights the user's file holds; "" without one.

    Raises:
        InputError: if none of the sampled images can be read.
    """
    images = listing.images
    rows = np.unique(np.linspace(0, len(images) - 1, SAMPLE).round().astype(int)).tolist()
    seen = [found for row in rows if (found := _look(images[row])) is not None]
    if not seen:
        raise InputError(
            f"a source must hold readable images, but {images[0].source} and {len(rows) - 1} others are not; look at them first"
        )
    widths, heights, saturations = np.array(seen).T
    narrow, wide = np.percentile(widths / heights, [10, 90])
    return Fingerprint(
        layout=listing.layout,
        classes=dict(sorted(Counter(each.label for each in images).items())),
        patients=len({each.group for each in images} - {""}),
        given_split="test" in {each.split for each in images},
        masks=sum(bool(each.masks) for each in images),
        copies=count_copies([each.path for each in images]) if len(images) <= COUNTED else 0,
        sampled=len(seen),
        width=int(np.median(widths)),
        height=int(np.median(heights)),
        narrow=round(float(narrow), 3),
        wide=round(float(wide), 3),
        saturation=round(float(np.median(saturations)), 4),
        machine=machine,
        imagenet=imagenet,
        fits=fits,
    )


def count_copies(files: Sequence[Path]) -> int:
    """Count the files that are byte for byte an earlier one; only such as share size and beginning are read whole."""
    sizes: dict[int, list[Path]] = defaultdict(list)
    for file in files:
        try:
            sizes[file.stat().st_size].append(file)
        except OSError:  # ingest names it
            continue
    same_size = [file for group in sizes.values() if len(group) > 1 for file in group]
    heads: dict[bytes, list[Path]] = defaultdict(list)
    for file in same_size:
        heads[_digest(file, _HEAD)].append(file)
    alike = [file for group in heads.values() if len(group) > 1 for file in group]
    return len(alike) - len({_digest(file) for file in alike})


def _digest(file: Path, most: int = -1) -> bytes:
    try:
        with file.open("rb") as opened:
            return hashlib.sha256(opened.read(most)).digest()
    except OSError:
        return str(file).encode()


def _look(found: Found) -> tuple[float, float, float] | None:
    """Return width, height and mean saturation of an image, None where it cannot be read (ingest says why)."""
    try:
        if found.path.stat().st_size > MAX_BYTES:
            return None
        pixels = decode(found.path.read_bytes()).pixels
    except (OSError, ImageError):
        return None
    return float(pixels.shape[1]), float(pixels.shape[0]), properties(pixels)["saturation"]
