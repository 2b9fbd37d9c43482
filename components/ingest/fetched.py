"""Sources that are no folder are brought to the cache once: `sources/<key>/images` with a note beside it that says what it is.

A place is filled beside itself and moved there when it is whole, by one process at a time; a killed one leaves nothing half.
"""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from components.domain.certificate import Excluded
from components.domain.errors import InputError

IMAGES_FOLDER = "images"
NOTE_FILE = "source.json"


@dataclass(frozen=True)
class Note:
    """What lies in a place of the cache.

    Attributes:
        origin: what the user named, without secrets.
        version: fingerprint of the content.
        skipped: what was not brought, with the reason.
    """

    origin: str
    version: str
    skipped: list[Excluded] = field(default_factory=list)


def place_of(cache: Path, key: str) -> Path:
    """Return the place of a key in the cache."""
    return cache.absolute() / "sources" / key


def read_note(images: Path) -> Note | None:
    """Return the note of a folder that `fill` or `write_note` made, None of any other."""
    if images.name != IMAGES_FOLDER:
        return None
    try:
        values = json.loads((images.parent / NOTE_FILE).read_text(encoding="utf-8"))
        return Note(values["origin"], values["version"], [Excluded(**each) for each in values["skipped"]])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_note(place: Path, note: Note) -> None:
    """Write the note of a place, whole or not at all."""
    partial = place / f"{NOTE_FILE}.part"
    partial.write_text(json.dumps(asdict(note)), encoding="utf-8")
    partial.replace(place / NOTE_FILE)


def fill(place: Path, bring: Callable[[Path], Note]) -> Path:
    """Return the images of a place, brought there if they are not.

    Args:
        place: see `place_of`.
        bring: writes the files into the empty folder that it is given, and returns the note.
    """
    with alone(place):
        images = place / IMAGES_FOLDER
        if read_note(images) is not None:
            return images
        partial = place.with_name(f".{place.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
        shutil.rmtree(place, ignore_errors=True)
        (partial / IMAGES_FOLDER).mkdir(parents=True)
        try:
            write_note(partial, bring(partial / IMAGES_FOLDER))
            partial.rename(place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return images


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Wait until no other process works on a place, and keep others out.

    Raises:
        InputError: if the cache cannot be written.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        file = place.with_name(f".{place.name}.lock").open("w")
    except OSError as error:
        raise InputError(
            f"the cache must be a folder that can be written, but {place.parent} is not ({error.strerror}); set LOBULE_HOME to another"
        ) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
