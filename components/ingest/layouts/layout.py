"""What a layout is: a way in which folders and file names say the label, the patient and the masks of an image."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from components.domain.certificate import Excluded

SPLIT_FOLDERS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Folders (lower case) of a split that somebody made before, and which it is."""
MOST = 0.9
"""A layout fits when at least this share of the images lies in it; the others are excluded, each with the reason."""


@dataclass(frozen=True)
class Found:
    """An image file and what its place says.

    Attributes:
        path: of the file.
        source: the same relative to the source, with forward slashes.
        label: its class.
        group: patient or slide; "" if the layout does not say.
        masks: its lesion masks, relative to the source.
        split: on which side somebody put it before, of `components.domain.artifacts.SPLITS`; "" if nobody did.
        slices: what else is known of it (magnification, scanner, ...), by name.
    """

    path: Path
    source: str
    label: str
    group: str = ""
    masks: tuple[str, ...] = ()
    split: str = ""
    slices: tuple[tuple[str, str], ...] = ()

    @property
    def mask_files(self) -> list[Path]:
        """Where its lesion masks lie."""
        if not self.masks:
            return []
        root = self.path.parents[len(PurePosixPath(self.source).parts) - 1]
        return [root / mask for mask in self.masks]


@dataclass(frozen=True)
class Tree:
    """The files of a source.

    Attributes:
        root: the source.
        images: files that are images by their extension, relative to the root, sorted.
        skipped: files that are not, with the reason.
    """

    root: Path
    images: tuple[PurePosixPath, ...]
    skipped: tuple[Excluded, ...] = ()

    def places(self) -> dict[PurePosixPath, tuple[str, ...]]:
        """Return each image's folders and name as a layout reads them.

        Folders that wrap everything (`Dataset_BUSI_with_GT/`) say nothing and are left out; folders of a split that somebody made
        before (`train/`, `test/`, around the classes or within each) are left out too, and remembered by `found`.
        """
        return self._read[0]

    @cached_property
    def _read(self) -> tuple[dict[PurePosixPath, tuple[str, ...]], dict[PurePosixPath, str]]:
        """Places, and the splits that somebody made before."""
        parts = [image.parts for image in self.images]
        while parts and all(len(each) > 2 for each in parts) and len({each[0] for each in parts}) == 1:
            parts = [each[1:] for each in parts]
        for level in (0, 1):
            splits = [SPLIT_FOLDERS.get(each[level].lower(), "") if len(each) > 2 else "" for each in parts]
            if fits(sum(map(bool, splits)), len(splits)) and len(set(splits) - {""}) > 1:
                rest = [each[:level] + each[level + 1 :] if split else () for each, split in zip(parts, splits, strict=True)]
                return dict(zip(self.images, rest, strict=True)), dict(zip(self.images, splits, strict=True))
        return dict(zip(self.images, parts, strict=True)), {}

    def found(
        self,
        image: PurePosixPath,
        label: str,
        *,
        group: str = "",
        masks: tuple[str, ...] = (),
        slices: tuple[tuple[str, str], ...] = (),
    ) -> Found:
        """Describe one of the images."""
        return Found(self.root / image, image.as_posix(), label, group, masks, self._read[1].get(image, ""), slices)


class Layout(Protocol):
    """One way to lay out a data set."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def expects(self) -> str:
        """Its form, for the message when nothing fits."""

    def read(self, tree: Tree) -> list[Found] | None:
        """Return the images with what their places say, in the order of the tree, or None if the tree is not laid out so."""


def fits(found: int, of: int) -> bool:
    """Tell whether enough of the images lie in a layout."""
    return of > 0 and found >= MOST * of
