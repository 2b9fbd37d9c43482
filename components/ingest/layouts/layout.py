"""What a layout is: a way in which folders and file names say the label, the patient and the masks of an image."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from components.domain.certificate import Excluded

SPLIT_FOLDERS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
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
    """

    path: Path
    source: str
    label: str
    group: str = ""
    masks: tuple[str, ...] = ()


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

        Folders that wrap everything (`Dataset_BUSI_with_GT/`) and folders of a split that somebody made before
        (`train/`, `test/`) are left out: the one says nothing, the other is made anew by group.
        """
        parts = [image.parts for image in self.images]
        while parts and all(len(each) > 2 for each in parts) and len({each[0] for each in parts}) == 1:
            parts = [each[1:] for each in parts]
        if all(len(each) > 2 and each[0].lower() in SPLIT_FOLDERS for each in parts):
            parts = [each[1:] for each in parts]
        return dict(zip(self.images, parts, strict=True))

    def found(self, image: PurePosixPath, label: str, *, group: str = "", masks: tuple[str, ...] = ()) -> Found:
        """Describe one of the images."""
        return Found(self.root / image, image.as_posix(), label, group, masks)


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
