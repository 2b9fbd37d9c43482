"""Where images come from: a folder, or a procedural sample that is written once."""

import hashlib
import os
from pathlib import Path

from components.domain.errors import InputError
from components.ingest.layouts import walk

SAMPLES = {"histology": 600, "ultrasound": 300, "idc": 600}
"""Images in the sample of each kind."""
SAMPLE_SEED = 0
_SAMPLE = "sample:"


def open_source(source: str, *, cache: Path) -> Path:
    """Return the folder that holds a source's images.

    Args:
        source: a folder, or `sample:KIND` with a kind of `SAMPLES`.
        cache: where a sample is written, once.

    Raises:
        InputError: if there is no such folder or sample.
    """
    if source.startswith(_SAMPLE):
        return _sample(source.removeprefix(_SAMPLE), cache)
    folder = Path(source).expanduser()
    if not source or not folder.exists():
        raise InputError(
            f"a source must be a folder or sample:KIND, but there is no {source!r}; give an existing folder or sample:histology"
        )
    if not folder.is_dir():
        raise InputError(f"a source must be a folder or sample:KIND, but {source!r} is a file; give the folder that holds the images")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(f"a source must be readable, but {source!r} is not; give this user the right to read it")
    return folder.resolve()


def source_version(root: Path) -> str:
    """Return a fingerprint of a folder that is cheap to take: of the paths, sizes and times of change of its files.

    It keys the cache of pipeline steps; the identity of the data itself is the certificate, which looks at the pixels.
    """
    digest = hashlib.sha256()
    tree = walk(root)
    for name in sorted([image.as_posix() for image in tree.images] + [each.source for each in tree.skipped]):
        try:
            status = (root / name).stat()
        except OSError:  # a dangling link, or a name that is not UTF-8
            digest.update(f"{name}\0-\0-\n".encode())
            continue
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return "sha256:" + digest.hexdigest()


def _sample(kind: str, cache: Path) -> Path:
    if kind not in SAMPLES:
        raise InputError(f"a sample must be one of {', '.join(SAMPLES)}, but got {kind!r}; write sample:histology")
    from components.ingest.sample import write_sample

    folder = cache / "samples" / f"{kind}-{SAMPLES[kind]}-{SAMPLE_SEED}"
    write_sample(folder, kind, images=SAMPLES[kind], seed=SAMPLE_SEED)
    return folder.resolve()
