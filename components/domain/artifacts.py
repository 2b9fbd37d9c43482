"""How steps hand data over: the layout of a data set on disk, read and written here alone.

    dataset/
      manifest.parquet   one row per image, columns `MANIFEST`
      pixels.npy         uint8 [N, S, S, 3]; row i belongs to manifest row i
      certificate.json   `components.domain.certificate`
      certified.parquet  hash, label, group and split of every image: what the certificate's digest `dataset` is of
      held_out/<id>.png  some test images as decoded, before resizing: what the packaged service is checked with
      roi.json, roi.png  where images were cut down to their lesion masks: how many, and some of them before and after

A training set has the same form, with the train and validation splits only: no training code sees a test image. After the
original rows it may hold changed copies of train images (`augmented`), which no certificate lists: a digest of them stands in the
metadata of the manifest, beside the settings that data was made with.
`policy.json` holds its augmentation policy, and `AUGMENTATION_FILES` show what that does.
Pixels are memory-mapped, so memory stays bounded by the batches that are looked at.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from components.domain.certificate import Certificate, Row, pixels_digest, rows_digest
from components.domain.errors import InputError, RefusedError
from serving.contract import PROPERTIES, ImageSpec

MANIFEST_FILE = "manifest.parquet"
PIXELS_FILE = "pixels.npy"
CERTIFIED_FILE = "certified.parquet"
HELD_OUT_FOLDER = "held_out"
ROI_FILE = "roi.json"
ROI_SHEET = "roi.png"
AUGMENTATION_FILES = ("contact_sheet.png", "augmentation_report.json", "augmentation_report.html")
"""What a training set shows of its augmentation; the tracking server keeps them."""
SPLITS = ("train", "validation", "test")

MANIFEST = pa.schema(
    [
        ("id", pa.string()),  # sha256 of the decoded pixels and their shape, before resizing
        ("source", pa.string()),  # path in the source, with forward slashes
        ("label", pa.string()),
        ("group", pa.string()),  # patient, slide or near-duplicate cluster: the unit of splitting
        ("split", pa.string()),
        ("width", pa.int32()),  # of the image as decoded, in pixels
        ("height", pa.int32()),
        ("mode", pa.string()),  # Pillow mode of the file
        ("mask", pa.string()),  # path of its lesion mask in the source, "" if none; several masks stand one a line
        ("hash", pa.binary()),  # perceptual hash
        ("slices", pa.string()),  # what else the source knows of it, by name: a JSON object of texts
        ("augmented", pa.bool_()),  # a row made by the augment step
        *((f"property_{name}", pa.float32()) for name in PROPERTIES),  # `serving.measure.properties` of the image as decoded
    ]
)


@dataclass(frozen=True)
class Dataset:
    """A data set in memory-mapped form.

    Attributes:
        table: the manifest, columns `MANIFEST`.
        pixels: uint8 [N, S, S, 3], memory-mapped.
        classes: labels in sorted order; an image's class index is its place here.
        certificate: what was checked about it.
        spec: size of the pixels and how images got there.
        oracle: the pixels were cut down to lesion masks, which no user has.
        made_with: JSON of the recipe's part that each step used (`components.domain.recipe_parts`); empty if none is noted.
        copies: digest of the copies that the augment step made, "" if it made none.
    """

    table: pa.Table
    pixels: npt.NDArray[np.uint8]
    classes: tuple[str, ...]
    certificate: Certificate
    spec: ImageSpec
    oracle: bool = False
    made_with: dict[str, str] = field(default_factory=dict)
    copies: str = ""

    def column(self, name: str) -> list[str]:
        """Return a text column of the manifest as a list."""
        return [str(value) for value in self.table.column(name).to_pylist()]

    @property
    def targets(self) -> npt.NDArray[np.int64]:
        """Class index of each row, int64 [N]."""
        places = {label: index for index, label in enumerate(self.classes)}
        return np.array([places[label] for label in self.column("label")], dtype=np.int64)

    def rows(self, split: str) -> npt.NDArray[np.int64]:
        """Indices of a split's rows, int64 [n], in manifest order."""
        return np.flatnonzero(np.array(self.column("split")) == split).astype(np.int64)

    def certified_rows(self, split: str) -> list[tuple[str, str, str, str]]:
        """Return (id, label, group, split) of a split's original images, as the certificate hashes them."""
        columns = [self.column(name) for name in ("id", "label", "group", "split")]
        augmented = self.table.column("augmented").to_pylist()
        return [(a, b, c, d) for a, b, c, d, made in zip(*columns, augmented, strict=True) if d == split and not made]

    def require_certified(self, splits: Iterable[str]) -> None:
        """Check that the certificate is for exactly these splits' images (`Certificate.require`), and copies those made of the train split.

        That no group lies in two of them is counted anew, not taken from the certificate's word.

        Raises:
            RefusedError: if one of them is not so.
        """
        side: dict[str, str] = {}
        for split in splits:
            rows = self.certified_rows(split)
            self.certificate.require(split, rows, self.pixels_digest(split))
            across = sorted({group for _, _, group, _ in rows if side.setdefault(group, split) != split})
            if across and not self.certificate.leaking:
                raise RefusedError(
                    f"a group must lie in one split, but {across[0]} lies in {side[across[0]]} and {split}; ingest the data again"
                )
        self._require_copies_in_train()
        if self.copies_digest() != self.copies:
            raise RefusedError(
                "the copies of train images must be those that were made, but their digest differs; run the augment step again"
            )

    def pixels_digest(self, split: str) -> str:
        """Return the digest of the stored pixels of a split's original images."""
        made = np.array(self.table.column("augmented").to_pylist(), dtype=np.bool_)
        ids = self.table.column("id")
        return pixels_digest((ids[row].as_py(), self.pixels[row]) for row in self.rows(split).tolist() if not made[row])

    def copies_digest(self) -> str:
        """Return the digest of the copies of train images, "" if there are none."""
        made = np.flatnonzero(np.array(self.table.column("augmented").to_pylist(), dtype=np.bool_)).tolist()
        ids = self.table.column("id")
        return pixels_digest((ids[row].as_py(), self.pixels[row]) for row in made) if made else ""

    def _require_copies_in_train(self) -> None:
        """A copy has source, label and group of an image that is in the train split, and lies there itself."""
        rows = list(zip(*(self.column(name) for name in ("source", "label", "group", "split")), strict=True))
        made = self.table.column("augmented").to_pylist()
        originals = {row for row, copy in zip(rows, made, strict=True) if not copy and row[3] == "train"}
        astray = [row for row, copy in zip(rows, made, strict=True) if copy and row not in originals]
        if astray:
            raise RefusedError(
                f"a copy must be of an image of the train split, but {len(astray)} are not, the first of {astray[0][0]} in {astray[0][3]}; "
                "run the augment step again"
            )


def read_dataset(directory: Path) -> Dataset:
    """Read a data set or training set.

    Raises:
        InputError: if a file is missing or the parts disagree.
    """
    try:
        table = pq.read_table(directory / MANIFEST_FILE)
        pixels = np.load(directory / PIXELS_FILE, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"a data set must hold {MANIFEST_FILE} and {PIXELS_FILE}, but {directory} does not ({type(error).__name__}); ingest it again"
        ) from None
    certificate = Certificate.read(directory)
    if table.num_rows != len(pixels):
        raise InputError(
            f"manifest and pixels must have equal length, but got {table.num_rows} and {len(pixels)} in {directory}; ingest it again"
        )
    facts = table.schema.metadata or {}
    fit = facts.get(b"fit", b"stretch").decode()
    spec = ImageSpec.model_validate({"height": pixels.shape[1], "width": pixels.shape[2], "fit": fit})
    return Dataset(
        table,
        pixels,
        tuple(sorted(certificate.classes)),
        certificate,
        spec,
        oracle=facts.get(b"oracle") == b"true",
        made_with={step: facts[step.encode()].decode() for step in ("ingest", "augment") if facts.get(step.encode())},
        copies=facts.get(b"copies", b"").decode(),
    )


def write_manifest(directory: Path, columns: dict[str, list[object]], spec: ImageSpec, *, oracle: bool = False, ingest: str = "") -> None:
    """Write `manifest.parquet`: one list per column of `MANIFEST`; without `slices`, nothing else is known of any image.

    `fit`, `oracle` and `ingest` (JSON of the recipe's part that ingest used) stand in its metadata.
    """
    unknown: dict[str, list[object]] = {"slices": ["{}"] * len(columns["id"])}
    columns = unknown | columns
    schema = MANIFEST.with_metadata({"fit": spec.fit, "oracle": str(oracle).lower(), "ingest": ingest})
    pq.write_table(pa.table(columns, schema=schema), directory / MANIFEST_FILE)


def write_certified(directory: Path, rows: list[Row]) -> None:
    """Write `certified.parquet`: one row per image, sorted by its hash, columns id, label, group, split."""
    columns = zip(*sorted(rows), strict=True)
    pq.write_table(pa.table(dict(zip(("id", "label", "group", "split"), map(list, columns), strict=True))), directory / CERTIFIED_FILE)


def read_certified(directory: Path) -> list[Row]:
    """Read `certified.parquet` and check it against the certificate beside it.

    Raises:
        InputError: if one of the two is missing or damaged.
        RefusedError: if they do not belong together.
    """
    try:
        table = pq.read_table(directory / CERTIFIED_FILE)
        rows = [(str(a), str(b), str(c), str(d)) for a, b, c, d in zip(*(table.column(n).to_pylist() for n in range(4)), strict=True)]
    except (OSError, IndexError, pa.ArrowException) as error:
        raise InputError(
            f"{directory} must hold a valid {CERTIFIED_FILE}, but does not ({type(error).__name__}); ingest it again"
        ) from None
    if rows_digest(rows) != Certificate.read(directory).dataset:
        raise RefusedError(f"{CERTIFIED_FILE} must list what was certified, but its digest differs in {directory}; ingest the data again")
    return rows


def held_out_file(directory: Path, identity: str) -> Path:
    """Return where a data set keeps a test image at its full size, if it is one of those that are kept."""
    return directory / HELD_OUT_FOLDER / f"{identity.removeprefix('sha256:')}.png"


@contextmanager
def pixel_writer(directory: Path, count: int, spec: ImageSpec) -> Iterator[npt.NDArray[np.uint8]]:
    """Create `pixels.npy` of `count` images and yield it memory-mapped for writing: uint8 [count, H, W, 3]."""
    array = np.lib.format.open_memmap(directory / PIXELS_FILE, mode="w+", dtype=np.uint8, shape=(count, spec.height, spec.width, 3))
    yield array
    array.flush()
