"""Look at every image of a source once, on all processors (`components.ingest.sharing`), and bring what was seen together.

Workers write resized pixels straight into one file, so memory stays bounded by a few images a worker.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from components.domain.certificate import Excluded
from components.domain.console import progress
from components.ingest.layouts.layout import Found
from components.ingest.look import CHUNK, Chunk, Row, Storage
from components.ingest.sharing import processors, share_out

logger = logging.getLogger(__name__)
ALONE = 128
"""So few images are scanned in this process; they are done before a worker has started."""


@dataclass(frozen=True)
class Scanned:
    """A readable image.

    Attributes:
        place: its index in the list that was scanned, and in the pixel file.
        found: where it lies and what its place says.
        id: SHA-256 (hex) of its decoded pixels and their shape; equal for equal pictures whatever their file format.
        hash: `components.ingest.perceptual.perceptual_hash`, 32 bytes.
        width, height: as decoded, in pixels.
        mode: Pillow mode of the file.
        properties: `serving.measure.properties`; empty where pixels are not stored, because measuring them takes time.
        mask: what its lesion masks are (`components.ingest.masks.mask_state`).
    """

    place: int
    found: Found
    id: str
    hash: bytes
    width: int
    height: int
    mode: str
    properties: dict[str, float]
    mask: str = ""


Result = Scanned | Excluded


class Finished(Protocol):
    """Where finished chunks are kept, so that an interrupted scan continues (`components.ingest.resume`)."""

    def read(self) -> dict[int, list[Row]]:
        """Return what was seen in each chunk that an earlier try finished."""

    def append(self, line: str) -> None:
        """Keep the line of a chunk (`components.ingest.look`), whose pixels are in the file."""


def scan(
    images: list[Found], storage: Storage | None = None, *, workers: int | None = None, finished: Finished | None = None
) -> tuple[list[Scanned], list[Excluded]]:
    """Decode all images.

    Args:
        images: what to look at.
        storage: where the pixels of image i are written, at index i; None only looks.
        workers: processes that work, this one included; by default one a processor, and this one alone for few images.
        finished: chunks of an earlier try, which are not looked at again; told each chunk that is finished.

    Returns:
        The readable images in the order given, and the unreadable ones with the reason.

    Raises:
        InputError: if a worker was killed (`share_out`).
    """
    done = finished.read() if finished else {}
    if done:
        logger.info("continuing: %d of %d images were decoded before", sum(map(len, done.values())), len(images))
    numbers = range(-(-len(images) // CHUNK))
    todo = [_chunk(number, images) for number in numbers if number not in done]
    left = sum(len(chunk) for _, chunk in todo)
    lines = share_out(todo, storage, processes=workers or (1 if left <= ALONE else processors()))

    def keep() -> Iterator[Row]:
        for line in lines:
            if finished:
                finished.append(line)
            number, _, rows = json.loads(line)
            done[number] = rows
            yield from rows

    with closing(lines):
        for _ in progress(keep(), left, "images decoded"):
            pass
    everything = [_result(row, images) for number in numbers for row in done.pop(number)]
    return [each for each in everything if isinstance(each, Scanned)], [each for each in everything if isinstance(each, Excluded)]


def _chunk(number: int, images: list[Found]) -> Chunk:
    places = range(number * CHUNK, min((number + 1) * CHUNK, len(images)))
    return number, [(place, str(images[place].path), list(map(str, images[place].mask_files))) for place in places]


def _result(row: dict[str, Any], images: list[Found]) -> Result:
    found = images[row["place"]]
    if "reason" in row:
        return Excluded(found.source, row["reason"])
    return Scanned(**(row | {"found": found, "hash": bytes.fromhex(row["hash"])}))
