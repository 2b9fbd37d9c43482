"""The leakage certificate: what was checked about a data set, and for exactly which images it holds.

Written by ingest, carried beside the data, checked by whoever trains. Its digest travels to the MLflow run, the model card
and every answer of the service.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from components.domain.errors import InputError, RefusedError

CERTIFICATE_FILE = "certificate.json"
Row = tuple[str, str, str, str]
"""(id, label, group, split) of one image."""


def rows_digest(rows: Iterable[Row]) -> str:
    """Return the digest of a set of images with their labels, groups and splits, whatever their order."""
    text = json.dumps(sorted(rows), separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def pixels_digest(pictures: Iterable[tuple[str, npt.NDArray[np.uint8]]]) -> str:
    """Return the digest of what is trained on: of (id, stored pixels) of a set of images, whatever their order.

    Takes 0.1 ms an image of 224 x 224, so it is checked whenever data is opened for training.
    """
    parts = sorted((identity, hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()) for identity, pixels in pictures)
    return "sha256:" + hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Excluded:
    """A file that did not become an image of the data set, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Certificate:
    """What was found in a data set.

    Attributes:
        dataset: digest of all rows (`rows_digest`): the content hash of every image with its label, group and split, as listed in
            `certified.parquet` beside the certificate.
        splits: digest of the rows of each split.
        images, groups: counts.
        classes: images of each class.
        split_images: images of each split.
        method: how near duplicates were found, in words with its threshold.
        near_duplicate_pairs, near_duplicate_groups, near_duplicate_images: summary of the near-duplicate graph.
        near_duplicate_sizes: its clusters by how many images they hold.
        edges_across_splits: near-duplicate pairs whose images lie in different splits; must be 0.
        groups_across_splits: groups with images in different splits; must be 0.
        label_conflicts: pairs of the same picture under two labels, both excluded or grouped.
        random_split_leak: share of test images with a near duplicate in train, had the split been by image.
        excluded: files that were left out, with the reason.
        pixels: digest of each split's stored pixels (`pixels_digest`).
        blank_masks: images of each class whose lesion mask marks nothing.
        even_images: images of one even tone; they resemble each other too much to be compared and have no near duplicates here.
        smallest, largest: width and height in pixels of the images with the fewest and the most pixels, as decoded.
        leaking: the data was split by a protocol that leaks, on purpose.
        moved: images that changed side since an earlier data set, because a new image connected two groups.
    """

    dataset: str
    splits: dict[str, str]
    images: int
    groups: int
    classes: dict[str, int]
    split_images: dict[str, int]
    method: str
    near_duplicate_pairs: int
    near_duplicate_groups: int
    near_duplicate_images: int
    edges_across_splits: int
    groups_across_splits: int
    label_conflicts: list[list[str]]
    random_split_leak: float
    excluded: list[Excluded] = field(default_factory=list)
    pixels: dict[str, str] = field(default_factory=dict)
    near_duplicate_sizes: dict[str, int] = field(default_factory=dict)
    blank_masks: dict[str, int] = field(default_factory=dict)
    even_images: int = 0
    smallest: list[int] = field(default_factory=list)
    largest: list[int] = field(default_factory=list)
    leaking: bool = False
    moved: int = 0

    def to_json(self) -> str:
        """Return the certificate as JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, indent=2) + "\n"

    @property
    def digest(self) -> str:
        """Identity of the certificate: `sha256:<hex>` of its JSON."""
        return "sha256:" + hashlib.sha256(self.to_json().encode()).hexdigest()

    def write(self, directory: Path) -> None:
        """Write `certificate.json` into the artifact."""
        (directory / CERTIFICATE_FILE).write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "Certificate":
        """Read the certificate of an artifact.

        Raises:
            InputError: if there is none or it is not one.
        """
        path = directory / CERTIFICATE_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(**values | {"excluded": [Excluded(**item) for item in values["excluded"]]})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"data must carry a valid {CERTIFICATE_FILE}, but {path} is not one ({type(error).__name__}); ingest it again"
            ) from None

    def require(self, split: str, rows: Iterable[Row], pixels: str) -> None:
        """Check that this certificate is for exactly these images of a split, and that they do not leak.

        Args:
            split: which one.
            rows: of its images.
            pixels: digest of their stored pixels.

        Raises:
            RefusedError: if rows or pixels differ from the certified ones, or if anything crosses splits and is not marked so.
        """
        for what, digest, certified in (("digest", rows_digest(rows), self.splits), ("pixels' digest", pixels, self.pixels)):
            if digest != certified.get(split):
                raise RefusedError(f"the {split} split must be the one that was certified, but its {what} differs; ingest the data again")
        if (self.edges_across_splits or self.groups_across_splits) and not self.leaking:
            pairs, groups = self.edges_across_splits, self.groups_across_splits
            raise RefusedError(f"nothing may cross splits, but {pairs} near-duplicate pairs and {groups} groups do; ingest the data again")
