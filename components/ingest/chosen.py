"""Which members of an archive, or objects of a bucket, are brought to the disk, and where: by their names and sizes alone."""

import re
import unicodedata
from pathlib import PurePosixPath

from components.domain.certificate import Excluded
from components.ingest.layouts.files import is_clutter, is_manifest, may_be_image, no_image
from serving.imaging import MAX_BYTES

LONGEST_NAME = 255
LONGEST_PATH = 1024
MAX_MANIFEST_BYTES = 256 * 2**20
_DRIVE = re.compile(r"[A-Za-z]:")


class Chosen:
    """What is wanted and what is left out.

    Attributes:
        wanted: path of each wanted file by its number.
        skipped: what is left out, with the reason.
        bytes: sum of the sizes of what is wanted.
    """

    def __init__(self) -> None:
        self.wanted: dict[int, PurePosixPath] = {}
        self.skipped: list[Excluded] = []
        self.bytes = 0
        self._files: set[PurePosixPath] = set()
        self._folders: set[PurePosixPath] = set()

    def consider(self, number: int, name: str, size: int) -> None:
        """Take a file whose path does not lead out (`leads_out`), or leave it out; clutter is left out without a word."""
        path = PurePosixPath(name)
        if is_clutter(path):
            return
        reason = _odd(name) or _unfit(path, size)
        if not reason and (path in self._files or path in self._folders or not self._files.isdisjoint(path.parents)):
            reason = "another file has its name"
        if reason:
            self.skipped.append(Excluded(shown(path.as_posix()), reason))
            return
        self._files.add(path)
        self._folders.update(path.parents)
        self.wanted[number] = path
        self.bytes += size


def leads_out(name: str) -> str:
    """Return why a path would leave the folder that it is unpacked into, "" if it stays."""
    parts = re.split(r"[/\\]", name)
    if parts[0] == "" or _DRIVE.match(name):
        return "is an absolute path"
    return "leads out of it by '..'" if ".." in parts else ""


def shown(name: str) -> str:
    """Return a name without anything that a terminal acts on, and not endless."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."


def _odd(name: str) -> str:
    """Return why a name is not used, "" if it can be."""
    try:
        raw = name.encode()
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        return "its name holds control characters"
    if len(raw) > LONGEST_PATH or any(len(part) > LONGEST_NAME for part in raw.split(b"/")):
        return f"its name is longer than {LONGEST_NAME} bytes or its path than {LONGEST_PATH}"
    return ""


def _unfit(path: PurePosixPath, size: int) -> str:
    """Return why a file is of no use to ingest, "" if it may be."""
    if not (may_be_image(path) or is_manifest(path)):
        return no_image(path)
    most = MAX_MANIFEST_BYTES if is_manifest(path) else MAX_BYTES
    return f"holds {size:,} bytes, more than {most:,}" if size > most else ""
