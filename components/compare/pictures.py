"""The images that models disagree on, as small pictures, where the data set is still on this machine."""

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from components.domain.artifacts import read_dataset
from components.domain.errors import LobuleError

logger = logging.getLogger(__name__)
EDGE = 144
"""Longer edge of a thumbnail, in pixels: about 5 kB each."""
QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """An image of a data set: its path in the source, and a JPEG thumbnail as a `data:` address."""

    source: str
    address: str


def read_pictures(dataset: Path | None, ids: Sequence[str]) -> dict[str, Picture]:
    """Return pictures by image id; of images that are not found, none.

    Args:
        dataset: directory of the data set; one that is missing or damaged gives no pictures.
        ids: of the images.
    """
    if dataset is None or not dataset.is_dir():
        return {}
    try:
        data = read_dataset(dataset)
    except LobuleError as error:
        logger.warning("no pictures: %s", error)
        return {}
    wanted = set(ids)
    sources = data.column("source")
    rows = {identity: row for row, identity in enumerate(data.column("id")) if identity in wanted}
    return {identity: Picture(sources[row], _thumbnail(np.asarray(data.pixels[row]))) for identity, row in rows.items()}


def _thumbnail(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((EDGE, EDGE))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
