"""`s3://bucket/prefix` as a source: mirrored into the cache in parallel, continued when interrupted, changed objects alone anew.

`index.jsonl` beside the images holds key, size, ETag and SHA-256 of everything that has arrived and been checked.
An archive is brought whole and unpacked like one on the disk.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from components.domain.certificate import Excluded
from components.domain.console import progress
from components.domain.errors import InputError
from components.ingest.archives import recall, remember, unpack
from components.ingest.chosen import Chosen, leads_out, shown
from components.ingest.fetched import IMAGES_FOLDER, NOTE_FILE, Note, alone, place_of, read_note, write_note
from components.ingest.members import is_archive_name
from components.storage.bucket import THREADS, Address, Blob, Bucket, read_index

logger = logging.getLogger(__name__)
INDEX_FILE = "index.jsonl"
PARTS_FOLDER = "parts"
BATCH = 64 * THREADS


def open_s3(source: str, *, cache: Path) -> Path:
    """Return the folder that holds the images of `s3://bucket/prefix`, brought up to date.

    Args:
        source: the address of a prefix, or of an archive.
        cache: where it is mirrored.

    Raises:
        InputError: if the store refuses or there is nothing.
    """
    bucket = Bucket(Address.of(source))
    blobs = bucket.objects()
    place = place_of(cache, f"s3-{hashlib.sha256(f'{bucket.endpoint} {bucket.address}'.encode()).hexdigest()[:24]}")
    with alone(place):
        (place / PARTS_FOLDER).mkdir(parents=True, exist_ok=True)
        if blobs[0].key == bucket.address.prefix:
            return _archive(bucket, blobs[0], place, cache)
        return _mirror(bucket, blobs, place)


def listed_version(source: str) -> str:
    """Return a fingerprint of what lies at `s3://bucket/prefix`, from its listing alone.

    Raises:
        InputError: if the store refuses or there is nothing.
    """
    return _version({Path(blob.key): blob for blob in Bucket(Address.of(source)).objects()})


def _archive(bucket: Bucket, blob: Blob, place: Path, cache: Path) -> Path:
    """Bring and unpack an archive; what is left is a note of which one it was."""
    if not is_archive_name(blob.key):
        raise InputError(f"an S3 source must be a prefix or an archive, but {bucket.address} is one object; name the prefix above it")
    mark = f"{blob.key} {blob.size} {blob.etag}"
    known = recall(place, mark)
    if known is not None:
        return known
    file = place / Path(blob.key).name
    logger.info("bringing %s, %.1f MiB", bucket.address, blob.size / 2**20)
    bucket.fetch(blob, file, parts=place / PARTS_FOLDER)
    try:
        images = unpack(file, cache=cache, origin=str(bucket.address))
    finally:
        file.unlink()
    remember(place, mark, images)
    return images


def _mirror(bucket: Bucket, blobs: list[Blob], place: Path) -> Path:
    """Make the images of a place those of the bucket."""
    images, index = place / IMAGES_FOLDER, place / INDEX_FILE
    wanted, skipped = _choose(blobs, bucket.address.prefix)
    have = read_index(index)
    version = _version(wanted)
    missing = [
        (blob, images / path)
        for path, blob in wanted.items()
        if have.get(blob.key) != (blob.size, blob.etag) or not _is_there(images / path, blob.size)
    ]
    gone = [key for key in have if key not in {blob.key for blob in wanted.values()}]
    if missing or gone or read_note(images) is None:
        (place / NOTE_FILE).unlink(missing_ok=True)  # it is true again when everything is there
        for key in gone:
            (images / _below(key, bucket.address.prefix)).unlink(missing_ok=True)
        images.mkdir(parents=True, exist_ok=True)
        for _ in progress(_fetch(bucket, missing, place), len(missing), f"objects brought from {bucket.address}"):
            pass
        current = {blob.key for blob in wanted.values()}
        lines = [line for line in index.read_text(encoding="utf-8").splitlines() if _key(line) in current] if index.exists() else []
        fresh = {_key(line): line for line in lines}
        index.write_text("".join(f"{line}\n" for line in fresh.values()), encoding="utf-8")
    write_note(place, Note(str(bucket.address), version, skipped))
    return images


def _fetch(bucket: Bucket, missing: list[tuple[Blob, Path]], place: Path) -> Iterator[None]:
    """Bring objects with many threads, some hundred at a time, and write each into the index as it arrives."""
    lock = threading.Lock()
    pool = ThreadPoolExecutor(THREADS)
    with (place / INDEX_FILE).open("a", encoding="utf-8") as index:

        def bring(each: tuple[Blob, Path]) -> None:
            blob, target = each
            digest = bucket.fetch(blob, target, parts=place / PARTS_FOLDER)
            with lock:
                index.write(json.dumps(asdict(blob) | {"sha256": digest}) + "\n")
                index.flush()

        try:
            for start in range(0, len(missing), BATCH):
                yield from pool.map(bring, missing[start : start + BATCH])
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _choose(blobs: list[Blob], prefix: str) -> tuple[dict[Path, Blob], list[Excluded]]:
    """Return the objects that are brought, by their path below the prefix, and what is not, with the reason."""
    chosen, hostile = Chosen(), []
    for number, blob in enumerate(blobs):
        name = _below(blob.key, prefix)
        if name.endswith("/") or not name:  # what consoles make for an empty folder
            continue
        reason = leads_out(name)
        if reason:
            hostile.append(Excluded(shown(name), f"its key {reason}"))
        else:
            chosen.consider(number, name, blob.size)
    return {Path(path): blobs[number] for number, path in chosen.wanted.items()}, [*hostile, *chosen.skipped]


def _below(key: str, prefix: str) -> str:
    return key[len(prefix) + 1 :] if prefix else key


def _version(wanted: dict[Path, Blob]) -> str:
    lines = sorted(f"{path.as_posix()}\0{blob.size}\0{blob.etag}\n" for path, blob in wanted.items())
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def _is_there(file: Path, size: int) -> bool:
    try:
        return file.stat().st_size == size
    except OSError:
        return False


def _key(line: str) -> str | None:
    try:
        key: str = json.loads(line)["key"]
    except (ValueError, KeyError, TypeError):
        return None
    return key
