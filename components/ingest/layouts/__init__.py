"""Which layout a source has, and what it says about each image. A manifest wins, then the most telling layout that fits."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from components.domain.certificate import Excluded
from components.domain.errors import InputError
from components.ingest.fetched import read_note
from components.ingest.layouts.breakhis import BreakHis
from components.ingest.layouts.busi import Busi
from components.ingest.layouts.files import EXTENSIONS, has_no_extension, is_clutter_name, is_image_name, is_manifest, no_image
from components.ingest.layouts.folders import ClassFolders
from components.ingest.layouts.idc import Idc
from components.ingest.layouts.layout import Found, Layout, Tree
from components.ingest.layouts.manifest import read_manifest
from components.ingest.layouts.patients import PatientFolders, PatientNames

LAYOUTS: tuple[Layout, ...] = (BreakHis(), Idc(), Busi(), PatientNames(), PatientFolders(), ClassFolders())

MANIFEST = "manifest"


@dataclass(frozen=True)
class Listing:
    """What lies in a source.

    Attributes:
        layout: name of the layout.
        images: image files with what their places say, sorted by source.
        misfits: image files that do not fit the layout, with the reason.
        skipped: files that are no image by their extension, with the reason.
    """

    layout: str
    images: list[Found]
    misfits: list[Excluded]
    skipped: list[Excluded]


def list_images(root: Path) -> Listing:
    """Recognise the layout of a folder and list its images.

    Args:
        root: the folder, or a manifest.

    Raises:
        InputError: if it holds no image or no layout fits.
    """
    if root.is_file():
        return Listing(MANIFEST, *read_manifest(root, root.parent), [])
    tree = walk(root)
    note = read_note(root)
    shown = note.origin if note else root
    manifest = _manifest(tree)
    if manifest is not None:
        return _by_manifest(manifest, tree)
    if not tree.images:
        kinds = Counter(PurePosixPath(each.source).suffix.lower() or "no extension" for each in tree.skipped)
        seen = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3)) or "no files"
        raise InputError(f"a source must hold images ({', '.join(sorted(EXTENSIONS))}), but {shown} holds {seen}; name a folder of images")
    for layout in LAYOUTS:
        images = layout.read(tree)
        if images is not None:
            known = {each.source for each in images} | {mask for each in images for mask in each.masks}
            others = [image.as_posix() for image in tree.images if image.as_posix() not in known]
            misfits = [Excluded(source, f"does not fit the layout ({layout.name})") for source in others]
            return Listing(layout.name, images, misfits, list(tree.skipped))
    expected = "; ".join(layout.expects for layout in LAYOUTS)
    raise InputError(
        f"a source must be laid out as one of [{expected}], but {shown} holds {len(tree.images)} images such as {tree.images[0]}; "
        "sort them into one folder per class"
    )


def _manifest(tree: Tree) -> PurePosixPath | None:
    """Return the manifest that lies above all images of a tree, if one does."""
    found = [PurePosixPath(each.source) for each in tree.skipped if is_manifest(PurePosixPath(each.source))]
    above = [file for file in found if all(image.is_relative_to(file.parent) for image in tree.images)]
    return min(above, key=lambda file: (len(file.parts), file.name), default=None)


def _by_manifest(manifest: PurePosixPath, tree: Tree) -> Listing:
    images, misfits = read_manifest(tree.root / manifest, tree.root)
    known = {each.source for each in images} | {each.source for each in misfits} | {mask for each in images for mask in each.masks}
    others = [Excluded(image.as_posix(), "the manifest does not name it") for image in tree.images if image.as_posix() not in known]
    skipped = [each for each in tree.skipped if each.source != manifest.as_posix()]
    return Listing(MANIFEST, images, misfits, sorted([*skipped, *others], key=lambda each: each.source))


def walk(root: Path) -> Tree:
    """List the files below a folder, without hidden ones and the clutter that systems leave; each real folder once."""
    images, skipped = [], []
    visited: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        subfolders[:] = sorted(each for each in subfolders if not is_clutter_name(each))
        for name in names:
            if is_clutter_name(name):
                continue
            relative = PurePosixPath(Path(folder, name).relative_to(root).as_posix())
            if not _readable(relative):
                skipped.append(Excluded(ascii(relative.as_posix())[1:-1], "its name is not valid UTF-8"))
            elif not (is_image_name(relative) or (has_no_extension(relative) and _is_dicom(Path(folder, name)))):
                skipped.append(Excluded(relative.as_posix(), no_image(relative)))
            else:
                images.append(relative)
    note = read_note(root)
    order = sorted([*skipped, *(note.skipped if note else [])], key=lambda each: each.source)
    return Tree(root, tuple(sorted(images)), tuple(order))


def _is_dicom(file: Path) -> bool:
    """Tell by content whether a file is DICOM; the index of a medium (`DICOMDIR`) is none of its images."""
    try:
        with file.open("rb") as opened:
            return opened.read(132)[128:] == b"DICM" and file.name.upper() != "DICOMDIR"
    except OSError:
        return False


def _readable(path: PurePosixPath) -> bool:
    try:
        path.as_posix().encode()
    except UnicodeEncodeError:
        return False
    return True
