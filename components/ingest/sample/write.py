"""Writes a sample to disk, all of it or nothing, and only once.

The files of a seed are the same bytes each time; another version of NumPy, SciPy, Pillow or zlib may change them. One core
paints about 80 tiles or 40 frames a second; threads were measured and gained nothing, as most of the work is many small arrays.
"""

import json
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from components.domain.console import progress
from components.domain.errors import InputError
from components.ingest.sample.histology import Histology
from components.ingest.sample.idc import Idc
from components.ingest.sample.kind import BROKEN, Change, Kind, Shot
from components.ingest.sample.planted import develop, near_duplicates_in, plant
from components.ingest.sample.ultrasound import Ultrasound

logger = logging.getLogger(__name__)
KINDS: dict[str, Callable[[int, int], Kind]] = {"histology": Histology, "ultrasound": Ultrasound, "idc": Idc}
MARKER = "SAMPLE.json"
FORMAT = 1
"""Raised when the same kind, size and seed give other files."""
LEAST = 60
"""Images in the smallest sample: enough groups of each class for three splits."""


@dataclass(frozen=True)
class SampleSummary:
    """What a sample holds.

    Attributes:
        kind: histology, ultrasound or idc.
        files: image files, masks and broken files; `SAMPLE.json` is not counted.
        classes: images of each class that can be read, planted duplicates included; their sum is the `images` asked for.
        masks: lesion masks.
        duplicates: planted near duplicates, pairs of two different files.
        conflicts: planted exact copies that lie under another label.
        broken: planted files that are no image.
    """

    kind: str
    files: int
    classes: dict[str, int]
    masks: int
    duplicates: int
    conflicts: int
    broken: int


def write_sample(directory: Path, kind: str, *, images: int, seed: int) -> SampleSummary:
    """Write a procedural sample data set; a second call with the same arguments finds it and does nothing.

    Args:
        directory: where to; it must not exist, be empty, or hold this very sample.
        kind: one of `KINDS`.
        images: readable images, at least `LEAST`.
        seed: not negative; the same seed gives the same bytes.

    Returns:
        What lies there.

    Raises:
        InputError: for an unknown kind, a size or seed out of range, or a directory that holds something else or cannot be written.
    """
    if kind not in KINDS:
        raise InputError(f"a sample must be one of {', '.join(KINDS)}, but got {kind!r}; choose one of them")
    if images < LEAST:
        raise InputError(f"a sample must have at least {LEAST} images, but got {images}; ask for more")
    if seed < 0:
        raise InputError(f"a seed must not be negative, but got {seed}; give 0 or more")
    asked: dict[str, str | int] = {"kind": kind, "images": images, "seed": seed, "format": FORMAT}
    try:
        there = _find(directory, asked)
        if there is not None:
            return there
        return _write(directory, asked)
    except OSError as error:
        raise InputError(
            f"a sample must go to a directory that can be written, but {directory} cannot ({error.strerror}); name another"
        ) from None


def _find(directory: Path, asked: dict[str, str | int]) -> SampleSummary | None:
    """Return the summary of the sample that a directory holds, None if it holds nothing."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return None
    if not directory.is_dir():
        raise InputError(f"a sample must go to a directory, but {directory} is a file; name a directory")
    try:
        marker = json.loads((directory / MARKER).read_text(encoding="utf-8"))
        summary = SampleSummary(**marker["summary"])
        same = {key: marker[key] for key in asked} == asked
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"a sample must go to an empty directory, but {directory} holds other files; name a new one") from None
    if not same:
        what = f"{marker['kind']} sample (images={marker['images']}, seed={marker['seed']}, format={marker['format']})"
        raise InputError(f"a sample must go to an empty directory, but {directory} holds another {what}; name a new one")
    files = sum(1 for path in directory.rglob("*") if path.is_file()) - 1
    if files != summary.files:
        raise InputError(
            f"a sample must be as it was written, but {directory} holds {files} files instead of {summary.files}; delete the directory"
        )
    return summary


def _write(directory: Path, asked: dict[str, str | int]) -> SampleSummary:
    kind, images, seed = str(asked["kind"]), int(asked["images"]), int(asked["seed"])
    duplicates = near_duplicates_in(images)
    source = KINDS[kind](images - duplicates - 1, seed)  # and one label conflict
    shots = source.shots() + plant(source, duplicates, seed)
    summary = _summary(kind, shots)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as partial:
        root = Path(partial) / directory.name
        root.mkdir()
        for folder in sorted({(root / shot.path).parent for shot in shots}):
            folder.mkdir(parents=True)
        scenes: dict[int, list[Shot]] = {}
        for shot in shots:
            scenes.setdefault(shot.scene, []).append(shot)
        for scene in progress(scenes, len(scenes), f"scenes of the {kind} sample painted", tell=logger.info):
            pictures = source.paint(scene)
            for shot in scenes[scene]:
                for path, data in develop(shot, pictures[shot.part]):
                    (root / path).write_bytes(data)
        (root / MARKER).write_text(json.dumps(asked | {"summary": asdict(summary)}, indent=2) + "\n", encoding="utf-8")
        return _move(root, directory, asked, summary)


def _move(root: Path, directory: Path, asked: dict[str, str | int], summary: SampleSummary) -> SampleSummary:
    """Move the finished sample into place, unless another process was faster with the same one."""
    try:
        root.replace(directory)
    except OSError:
        there = _find(directory, asked)
        if there is None:  # an empty directory that the system does not replace
            directory.rmdir()
            shutil.move(root, directory)
    logger.info("wrote %d files of the %s sample to %s", summary.files, summary.kind, directory)
    return summary


def _summary(kind: str, shots: list[Shot]) -> SampleSummary:
    readable = [shot for shot in shots if shot.change not in BROKEN]
    near = [shot for shot in readable if shot.change not in (Change.NONE, Change.EXACT)]
    masks = sum(len(shot.masks) for shot in shots)
    return SampleSummary(
        kind=kind,
        files=len(shots) + masks,
        classes=dict(sorted(Counter(shot.label for shot in readable).items())),
        masks=masks,
        duplicates=len(near),
        conflicts=sum(shot.change is Change.EXACT for shot in readable),
        broken=len(shots) - len(readable),
    )
