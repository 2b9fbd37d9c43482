"""Look at a chunk of images: decode each, name it by its content, hash what it shows, and store it at the size of training.

Decoding is `serving.imaging.decode`, the same as in the service. This is what a worker does (`components.ingest.worker`), so nothing
is imported that takes long. A chunk is answered with a line of JSON, `[number, checksum, rows]`, which is also what the journal of
an interrupted scan keeps (`components.ingest.resume`): it is written once, where the work is done.
"""

import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.ingest.masks import mask_state
from components.ingest.perceptual import perceptual_hash
from serving.imaging import MAX_BYTES, ImageError, Pixels, decode, fit
from serving.measure import properties
from serving.resizing import Target

CHUNK = 16
"""Images of a chunk. Chunk n holds the images from place n * CHUNK on."""
Image = tuple[int, str, list[str]]
"""Place in the list that is scanned and in the pixel file, path, and paths of the lesion masks."""
Chunk = tuple[int, list[Image]]
Row = dict[str, object]
"""What was seen of an image: `place` and `reason` of an unreadable one; else the simple fields of `components.ingest.scan.Scanned`."""


@dataclass(frozen=True)
class Storage:
    """Where resized pixels go: an `.npy` file of uint8 [N, spec.height, spec.width, 3], made beforehand."""

    file: Path
    spec: Target


class Looker:
    """Looks at chunks and writes their pixels, one chunk at a time, so that no more of the pixel file is held in memory.

    Args:
        storage: where the pixels go; None only looks.
    """

    def __init__(self, storage: Storage | None) -> None:
        self._spec = storage.spec if storage else None
        self._file = storage.file.open("r+b", buffering=0) if storage else None
        self._begin = np.load(storage.file, mmap_mode="r").offset if storage else 0

    def look(self, chunk: Chunk) -> str:
        """Look at the images of a chunk and return its line, which ends with a line break."""
        number, images = chunk
        height, width = (self._spec.height, self._spec.width) if self._spec else (0, 0)
        pixels = np.zeros((len(images), height, width, 3), np.uint8)
        rows = [self._row(image, target) for image, target in zip(images, pixels, strict=True)]
        if self._file:
            self._file.seek(self._begin + number * CHUNK * height * width * 3)
            self._file.write(pixels.data)
        return json.dumps([number, zlib.crc32(pixels.data), rows], separators=(",", ":")) + "\n"

    def _row(self, image: Image, target: Pixels) -> Row:
        place, path, masks = image
        file = Path(path)
        try:
            size = file.stat().st_size
            if size > MAX_BYTES:
                return {"place": place, "reason": f"holds {size:,} bytes, more than {MAX_BYTES:,}"}
            decoded = decode(file.read_bytes())
        except OSError as error:
            return {"place": place, "reason": f"cannot be read ({type(error).__name__})"}
        except ImageError as error:
            return {"place": place, "reason": error.message}
        pixels = decoded.pixels
        if self._spec is not None:
            target[:] = fit(pixels, self._spec)
        height, width = pixels.shape[:2]
        return {
            "place": place,
            "id": content_id(pixels),
            "hash": perceptual_hash(pixels).hex(),
            "width": width,
            "height": height,
            "mode": decoded.mode,
            "properties": properties(pixels) if self._spec is not None else {},
            "mask": mask_state([Path(mask) for mask in masks], width=width, height=height),
        }


def content_id(pixels: Pixels) -> str:
    """Return the identity of a picture: SHA-256 (hex) of a line `<height> <width> 3` and its bytes."""
    digest = hashlib.sha256(f"{pixels.shape[0]} {pixels.shape[1]} 3\n".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
