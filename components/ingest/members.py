"""What zip and tar files hold, in one form, read without unpacking.

Names in a zip without the UTF-8 flag are UTF-8 if they are valid UTF-8 (as macOS writes them), else code page 437, its default.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

Kind = Literal["file", "folder", "link", "device"]
ArchiveKind = Literal["zip", "tar", "gz", "bz2", "xz"]
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
LARGEST_READ = 8 * 2**20
"""A tar's headers are read whole into memory: none may be larger."""
_UTF8_FLAG = 0x800
_ENCRYPTED_FLAG = 0x1
_UNIX = 3
_MAGIC: dict[bytes, ArchiveKind] = {b"PK\3\4": "zip", b"PK\5\6": "zip", b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz"}


@dataclass(frozen=True)
class Member:
    """A member of an archive.

    Attributes:
        name: its path as the archive says it, with forward slashes.
        size: unpacked, in bytes, as the archive says it.
        kind: what it is.
        encrypted: needs a password.
        open: gives its bytes; only while `members` stands at it.
    """

    name: str
    size: int
    kind: Kind
    encrypted: bool
    open: Callable[[], IO[bytes]]


def archive_kind(file: Path) -> ArchiveKind | None:
    """Tell by content what kind of archive a file is; None if it is none that can be read."""
    with file.open("rb") as opened:
        start = opened.read(512)
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            return kind
    return "tar" if start[257:262] == b"ustar" else None


def is_archive_name(name: str) -> bool:
    """Tell whether a name ends as an archive's does."""
    return name.lower().endswith(SUFFIXES)


def members(file: Path, kind: ArchiveKind) -> Iterator[Member]:
    """Pass through the members of an archive, in its order."""
    yield from _zip_members(file) if kind == "zip" else _tar_members(file, kind)


def _zip_members(file: Path) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            yield Member(_zip_name(info), info.file_size, _zip_kind(info), bool(info.flag_bits & _ENCRYPTED_FLAG), _opener(archive, info))


def _opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(info)


def _zip_name(info: zipfile.ZipInfo) -> str:
    name = info.filename
    if not info.flag_bits & _UTF8_FLAG:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _zip_kind(info: zipfile.ZipInfo) -> Kind:
    if info.is_dir():
        return "folder"
    mode = info.external_attr >> 16 if info.create_system == _UNIX else 0
    if stat.S_ISLNK(mode):
        return "link"
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "device"


class _Wary(io.RawIOBase):
    """A stream that gives no more than `LARGEST_READ` at once, so that a header that claims gigabytes takes no memory."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner

    def read(self, size: int = -1, /) -> bytes:
        """Read at most `size` bytes."""
        if not 0 <= size <= LARGEST_READ:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._inner.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to an offset."""
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        """Return the offset."""
        return self._inner.tell()


def _tar_members(file: Path, kind: ArchiveKind) -> Iterator[Member]:
    with _stream(file, kind) as stream, tarfile.open(fileobj=_Wary(stream), mode="r:") as archive:
        while (info := archive.next()) is not None:
            yield Member(info.name, info.size, _tar_kind(info), encrypted=False, open=_extractor(archive, info))
            vars(archive)["members"] = []  # or it would keep every header in memory
        stream.seek(archive.offset)  # a header that cannot be read ends the archive without a word
        if (rest := stream.read(tarfile.BLOCKSIZE)).strip(b"\0"):
            raise tarfile.ReadError(f"a broken header of {len(rest)} bytes")
        if len(stream.read(LARGEST_READ)) == LARGEST_READ:  # to the end, where gzip, bzip2 and xz have their checksums
            raise tarfile.ReadError("data after the end")


def _stream(file: Path, kind: ArchiveKind) -> IO[bytes]:
    """Open a file unpacked; every one of these can seek."""
    if kind == "tar":
        return file.open("rb")
    openers: dict[str, Callable[[Path], object]] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    return cast(IO[bytes], openers[kind](file))


def _extractor(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        found = archive.extractfile(info)
        assert found is not None
        return found

    return opened


def _tar_kind(info: tarfile.TarInfo) -> Kind:
    if info.isdir():
        return "folder"
    if info.issym() or info.islnk():
        return "link"
    return "file" if info.isreg() else "device"
