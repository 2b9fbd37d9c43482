"""An interrupted scan continues: what was decoded is kept, with its pixels, until the data set is whole.

`<cache>/scans/<key>/` holds the pixel file and the line of each finished chunk, with a checksum of its pixels. The key is a
digest of the files (paths, sizes, times of change), of the image size and of the code that decodes, so nothing stale is continued.
Nothing is forced to the disk, which takes longer than decoding: what a power failure took is found by the checksum and done again.
"""

import fcntl
import hashlib
import json
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import serving
from components.domain.artifacts import PIXELS_FILE, pixel_writer
from components.ingest import look, masks, perceptual
from components.ingest.layouts.layout import Found
from components.ingest.look import Row, Storage
from serving.contract import ImageSpec

JOURNAL = "finished.jsonl"
DAYS_KEPT = 7
"""After so many days without a try, what was left of an interrupted scan is removed."""


@dataclass(frozen=True)
class Journal:
    """The finished chunks of a scan.

    Attributes:
        file: the line of each (`components.ingest.look`), in the order in which they were finished.
        pixels: the file that they are stored in.
    """

    file: Path
    pixels: Path

    def read(self) -> dict[int, list[Row]]:
        """Return what was seen in each finished chunk; what a killed run left half written is dropped."""
        if not self.file.exists():
            return {}
        pixels = np.load(self.pixels, mmap_mode="r")
        whole, chunks = [], {}
        for line in self.file.read_text(encoding="ascii").splitlines(keepends=True):
            try:
                number, expected, rows = json.loads(line)
            except ValueError:
                break
            if expected == zlib.crc32(pixels[number * look.CHUNK : (number + 1) * look.CHUNK]):
                chunks[int(number)] = rows
                whole.append(line)
        self.file.write_text("".join(whole), encoding="ascii")
        return chunks

    def append(self, line: str) -> None:
        """Add the line of a finished chunk, whose pixels are in the file."""
        with self.file.open("a", encoding="ascii") as file:
            file.write(line)


@contextmanager
def resumable(images: list[Found], spec: ImageSpec, cache: Path) -> Iterator[tuple[Storage, Journal]]:
    """Give a place for a scan's pixels and its journal; what is there stays on an error and is removed after success.

    A second run on the same files at the same time gets a place of its own.
    """
    scans = cache / "scans"
    scans.mkdir(parents=True, exist_ok=True)
    _sweep(scans)
    directory = scans / _key(images, spec)
    directory.mkdir(exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with tempfile.TemporaryDirectory(dir=scans) as name:
                yield _place(Path(name), len(images), spec)
            return
        yield _place(directory, len(images), spec)
        shutil.rmtree(directory)


def _place(directory: Path, count: int, spec: ImageSpec) -> tuple[Storage, Journal]:
    journal = Journal(directory / JOURNAL, directory / PIXELS_FILE)
    if not (directory / PIXELS_FILE).exists() or not journal.file.exists():
        journal.file.unlink(missing_ok=True)
        with pixel_writer(directory, count, spec):
            pass
        journal.file.touch()
    return Storage(directory / PIXELS_FILE, spec), journal


def _key(images: list[Found], spec: ImageSpec) -> str:
    digest = hashlib.sha256(spec.model_dump_json().encode())
    for module in (look, masks, perceptual):
        digest.update(Path(str(module.__file__)).read_bytes())
    for source in sorted(Path(str(serving.__file__)).parent.glob("*.py")):
        digest.update(source.read_bytes())
    for image in images:
        digest.update(f"{image.path}\0{image.label}\0{image.group}\0".encode("utf-8", "surrogateescape"))
        for path in (image.path, *image.mask_files):
            try:
                status = path.stat()
            except OSError:
                continue
            digest.update(f"{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def _sweep(scans: Path) -> None:
    for directory in scans.iterdir():
        try:
            if time.time() - directory.stat().st_mtime > DAYS_KEPT * 86_400:
                shutil.rmtree(directory, ignore_errors=True)
        except FileNotFoundError:  # another run was faster
            continue
