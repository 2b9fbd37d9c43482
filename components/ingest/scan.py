"""Look at every image once: decode it, name it by its content, hash what it shows, and store it at the size of training.

Decoding is `serving.imaging.decode`, the same as in the service. Worker processes write resized pixels straight into one
memory-mapped file, so memory stays bounded by a few images a worker.
"""

import hashlib
import logging
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from components.domain.certificate import Excluded
from components.domain.console import progress
from components.ingest.allocator import keep_freed_memory
from components.ingest.duplicates import perceptual_hash
from components.ingest.layouts.layout import Found
from components.ingest.masks import mask_state
from serving.contract import ImageSpec
from serving.imaging import MAX_BYTES, ImageError, Pixels, decode, fit
from serving.measure import properties

logger = logging.getLogger(__name__)
CHUNK = 32
ALONE = 4 * CHUNK
"""So few images are scanned in this process; starting workers would take longer."""


@dataclass(frozen=True)
class Scanned:
    """A readable image.

    Attributes:
        place: its index in the list that was scanned, and in the pixel file.
        found: where it lies and what its place says.
        id: SHA-256 (hex) of its decoded pixels and their shape; equal for equal pictures whatever their file format.
        hash: `perceptual_hash`, 32 bytes.
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


@dataclass(frozen=True)
class Storage:
    """Where resized pixels go: an `.npy` file of uint8 [N, spec.height, spec.width, 3], made beforehand."""

    file: Path
    spec: ImageSpec


Task = tuple[int, Found]
Result = Scanned | Excluded


class Finished(Protocol):
    """Where finished chunks are kept, so that an interrupted scan continues (`components.ingest.resume`)."""

    def read(self) -> dict[int, list[Result]]:
        """Return the results of each chunk that an earlier try finished."""

    def append(self, number: int, results: list[Result]) -> None:
        """Keep the results of a chunk, whose pixels are in the file."""


def scan(
    images: list[Found], storage: Storage | None = None, *, workers: int | None = None, finished: Finished | None = None
) -> tuple[list[Scanned], list[Excluded]]:
    """Decode all images.

    Args:
        images: what to look at.
        storage: where the pixels of image i are written, at index i; None only looks.
        workers: processes; by default one a processor, at least 2, and none for few images.
        finished: chunks of an earlier try, which are not looked at again; told each chunk that is finished.

    Returns:
        The readable images in the order given, and the unreadable ones with the reason.
    """
    tasks = list(enumerate(images))
    chunks = {start // CHUNK: tasks[start : start + CHUNK] for start in range(0, len(tasks), CHUNK)}
    done = finished.read() if finished else {}
    if done:
        logger.info("continuing: %d of %d images were decoded before", sum(map(len, done.values())), len(tasks))
    todo = {number: chunk for number, chunk in chunks.items() if number not in done}
    left = sum(map(len, todo.values()))
    count = workers or (1 if left <= ALONE else max(2, os.cpu_count() or 1))
    seen = _here(todo, storage) if count == 1 else _in_workers(todo, storage, min(count, len(todo)))

    def keep() -> Iterator[Result]:
        for number, results in zip(todo, seen, strict=True):
            if finished:
                finished.append(number, results)
            done[number] = results
            yield from results

    for _ in progress(keep(), left, "images decoded"):
        pass
    everything = [each for number in chunks for each in done[number]]
    return [each for each in everything if isinstance(each, Scanned)], [each for each in everything if isinstance(each, Excluded)]


def content_id(pixels: Pixels) -> str:
    """Return the identity of a picture: SHA-256 (hex) of a line `<height> <width> 3` and its bytes."""
    digest = hashlib.sha256(f"{pixels.shape[0]} {pixels.shape[1]} 3\n".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _here(chunks: dict[int, list[Task]], storage: Storage | None) -> Iterator[list[Result]]:
    keep_freed_memory()
    for chunk in chunks.values():
        yield _scan_chunk(chunk, storage)


def _in_workers(chunks: dict[int, list[Task]], storage: Storage | None, workers: int) -> Iterator[list[Result]]:
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of threads that libraries have started
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        yield from pool.map(partial(_scan_chunk, storage=storage), chunks.values())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """Leave Ctrl-C and warnings about odd metadata to the parent, which tells the user once, and end when it ends."""
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # a killed parent cannot tell its workers to stop
        os._exit(1)


def _scan_chunk(chunk: list[Task], storage: Storage | None) -> list[Result]:
    array = np.load(storage.file, mmap_mode="r+") if storage else None
    results: list[Result] = []
    for place, found in chunk:
        try:
            size = found.path.stat().st_size
            if size > MAX_BYTES:
                results.append(Excluded(found.source, f"holds {size:,} bytes, more than {MAX_BYTES:,}"))
                continue
            decoded = decode(found.path.read_bytes())
        except OSError as error:
            results.append(Excluded(found.source, f"cannot be read ({type(error).__name__})"))
            continue
        except ImageError as error:
            results.append(Excluded(found.source, error.message))
            continue
        pixels = decoded.pixels
        if storage and array is not None:
            array[place] = fit(pixels, storage.spec)
        measured = properties(pixels) if storage else {}
        height, width = pixels.shape[:2]
        mask = mask_state(found, width=width, height=height)
        results.append(Scanned(place, found, content_id(pixels), perceptual_hash(pixels), width, height, decoded.mode, measured, mask))
    return results
