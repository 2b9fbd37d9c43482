"""Where images come from: a folder, a manifest, or what is brought to the cache: an archive, a bucket, a procedural sample."""

import hashlib
import os
from pathlib import Path

from components.domain.errors import InputError
from components.ingest.archives import unpack
from components.ingest.fetched import read_note
from components.ingest.kaggle_dataset import SCHEME as KAGGLE
from components.ingest.layouts import list_images, walk
from components.ingest.layouts.manifest import is_manifest_name
from components.ingest.members import is_archive_name
from components.storage.bucket import SCHEME as S3

SAMPLES = {"histology": 600, "ultrasound": 300, "idc": 600}
"""Images in the sample of each kind."""
SAMPLE_SEED = 0
EXPECTED = "a folder, a .zip or .tar.* file, a .csv or .parquet manifest, s3://bucket/prefix, kaggle:owner/dataset or sample:KIND"
_SAMPLE = "sample:"
_REMOTE = (_SAMPLE, S3, KAGGLE)


def open_source(source: str, *, cache: Path) -> Path:
    """Return the folder that holds a source's images, or the manifest that names them.

    Args:
        source: a folder, a zip or tar file, a manifest, `s3://bucket/prefix`, `kaggle:owner/dataset`, or `sample:KIND` with a kind
            of `SAMPLES`.
        cache: where a sample is written, an archive unpacked and a bucket mirrored, once.

    Raises:
        InputError: if there is no such source, or it cannot be read.
    """
    if source.startswith(_SAMPLE):
        return _sample(source.removeprefix(_SAMPLE), cache)
    if source.startswith(S3):
        from components.ingest.s3 import open_s3

        return open_s3(source, cache=cache)
    if source.startswith(KAGGLE):
        from components.ingest.kaggle_dataset import open_kaggle

        return open_kaggle(source, cache=cache)
    path = Path(source).expanduser()
    if not source or not path.exists():
        raise InputError(f"a source must be {EXPECTED}, but there is no {source!r}; give an existing folder or sample:histology")
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise InputError(f"a source must be readable, but {source!r} is not; give this user the right to read it")
    if path.is_dir():
        return path.resolve()
    if is_manifest_name(path.name):
        return path.resolve()
    if is_archive_name(path.name):
        return unpack(path.resolve(), cache=cache)
    raise InputError(f"a source must be {EXPECTED}, but {source!r} is a file of another kind; give the folder that holds the images")


def lasting(source: str) -> str:
    """Return a source as it is found from any working directory."""
    return source if source.startswith(_REMOTE) else str(Path(source).expanduser().resolve())


def origin(root: Path) -> str:
    """Return what a folder that `open_source` gave was brought from, or the folder itself."""
    note = read_note(root)
    return note.origin if note else str(root)


def source_version(root: Path) -> str:
    """Return a fingerprint of a folder that is cheap to take: of the paths, sizes and times of change of its files.

    What was brought to the cache has its own: an archive that of its bytes. It keys the cache of pipeline steps; the identity of
    the data itself is the certificate, which looks at the pixels.
    """
    note = read_note(root)
    if note is not None:
        return note.version
    digest = hashlib.sha256()
    folder, names = _files(root)
    for name in sorted(names):
        try:
            status = (folder / name).stat()
        except OSError:  # a dangling link, or a name that is not UTF-8
            digest.update(f"{name}\0-\0-\n".encode())
            continue
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return "sha256:" + digest.hexdigest()


def version_now(source: str, *, cache: Path) -> str:
    """Return a fingerprint of a source as it is now, without bringing what it names: a bucket is listed.

    What never changes under its name, a sample or a data set of Kaggle, has its name for one.

    Args:
        source: as of `open_source`.
        cache: as of `open_source`.

    Raises:
        InputError: if there is no such source, or it cannot be read.
    """
    if source.startswith(S3):
        from components.ingest.s3 import listed_version

        return listed_version(source)
    if source.startswith((_SAMPLE, KAGGLE)):
        return source
    return source_version(open_source(source, cache=cache))


def _files(root: Path) -> tuple[Path, list[str]]:
    """Return the folder of a source and the files that it is made of, relative to it."""
    if root.is_file():
        named = list_images(root)
        return root.parent, [root.name, *(each.source for each in named.images), *(mask for each in named.images for mask in each.masks)]
    tree = walk(root)
    return root, [*(image.as_posix() for image in tree.images), *(each.source for each in tree.skipped)]


def _sample(kind: str, cache: Path) -> Path:
    if kind not in SAMPLES:
        raise InputError(f"a sample must be one of {', '.join(SAMPLES)}, but got {kind!r}; write sample:histology")
    from components.ingest.sample import write_sample

    folder = cache / "samples" / f"{kind}-{SAMPLES[kind]}-{SAMPLE_SEED}"
    write_sample(folder, kind, images=SAMPLES[kind], seed=SAMPLE_SEED)
    return folder.resolve()
