"""Archives as sources: unpacked once into the cache, keyed by the digest of their bytes.

An archive is looked through before anything is written (`components.ingest.unpacking`), and lands whole or not at all.
"""

import errno
import hashlib
import json
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from functools import partial
from pathlib import Path

from components.domain.console import progress
from components.domain.errors import InputError
from components.ingest.fetched import IMAGES_FOLDER, Note, fill, place_of, read_note
from components.ingest.members import SUFFIXES, ArchiveKind, archive_kind, members
from components.ingest.unpacking import Limits, plan_unpacking

CHUNK = 2**20
RECORD_FILE = "archive.json"
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, struct.error, UnicodeError, ValueError)


def unpack(file: Path, *, cache: Path, origin: str = "", limits: Limits | None = None) -> Path:
    """Return the folder that holds an archive's images.

    Args:
        file: a zip or tar file, also compressed; told by content.
        cache: where it is unpacked.
        origin: where the file was brought from; by default it is its own.
        limits: see `Limits`.

    Raises:
        InputError: if it is none, is damaged, holds hostile members or does not fit on the disk.
    """
    try:
        kind = archive_kind(file)
        if kind is None:
            raise InputError(
                f"an archive must be a {', '.join(SUFFIXES)} file, but {file.name!r} is none by its content; download or pack it again"
            )
        digest = file_digest(file)
        bring = partial(_bring, file, kind, digest, origin=origin or str(file), limits=limits or Limits())
        return fill(archive_place(cache, digest), bring)
    except NotImplementedError as error:
        raise InputError(f"{file.name!r} is compressed in a way that cannot be read ({error}); unpack it and give the folder") from None
    except OSError as error:
        if error.errno is None:  # of gzip and bz2
            raise _damaged(file, error) from None
        hint = "free some space" if error.errno == errno.ENOSPC else "check the rights"
        raise InputError(f"{file.name!r} cannot be unpacked into {cache} ({error.strerror}); {hint}") from None
    except _DAMAGED as error:
        raise _damaged(file, error) from None


def archive_place(cache: Path, digest: str) -> Path:
    """Return the place of an archive in the cache by its digest."""
    return place_of(cache, f"archive-{digest[:24]}")


def remember(place: Path, mark: str, images: Path) -> None:
    """Note in a place that an archive was brought from afar, so that it need not be brought again.

    Args:
        place: of the source in the cache.
        mark: what the archive is known by where it comes from.
        images: what `unpack` gave.
    """
    (place / RECORD_FILE).write_text(json.dumps({"mark": mark, "place": images.parent.name}), encoding="utf-8")


def recall(place: Path, mark: str) -> Path | None:
    """Return the images that `remember` noted for this mark, None if there are none."""
    try:
        record = json.loads((place / RECORD_FILE).read_text(encoding="utf-8"))
        images: Path = place.with_name(record["place"]) / IMAGES_FOLDER
        return images if record["mark"] == mark and read_note(images) is not None else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def file_digest(file: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _damaged(file: Path, error: Exception) -> InputError:
    return InputError(f"{file.name!r} is damaged or incomplete ({type(error).__name__}); download or pack it again")


def _bring(file: Path, kind: ArchiveKind, digest: str, images: Path, *, origin: str, limits: Limits) -> Note:
    plan = plan_unpacking(members(file, kind), name=file.name, held=file.stat().st_size, limits=limits)
    free = shutil.disk_usage(images).free
    if plan.bytes > free:
        raise InputError(
            f"{file.name!r} unpacks to {plan.bytes / 2**30:.1f} GiB, but {images.parents[1]} has {free / 2**30:.1f} GiB free; "
            "free some space or set LOBULE_HOME to a larger disk"
        )
    wanted = ((plan.wanted[number], each) for number, each in enumerate(members(file, kind)) if number in plan.wanted)
    for path, member in progress(wanted, len(plan.wanted), f"files unpacked of {file.name}"):
        target = images / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, target.open("xb") as written:
            shutil.copyfileobj(source, written, CHUNK)
        if target.stat().st_size != member.size:
            raise tarfile.ReadError("a member is shorter than it says")
    return Note(origin, f"sha256:{digest}", plan.skipped)
