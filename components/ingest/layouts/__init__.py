"""Which layout a source has, and what it says about each image. The most telling layout that fits wins."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from components.domain.certificate import Excluded
from components.domain.errors import InputError
from components.ingest.layouts.breakhis import BreakHis
from components.ingest.layouts.busi import Busi
from components.ingest.layouts.folders import ClassFolders
from components.ingest.layouts.idc import Idc
from components.ingest.layouts.layout import Found, Layout, Tree
from components.ingest.layouts.patients import PatientFolders, PatientNames

LAYOUTS: tuple[Layout, ...] = (BreakHis(), Idc(), Busi(), PatientNames(), PatientFolders(), ClassFolders())
EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
_CLUTTER = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


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

    Raises:
        InputError: if it holds no image or no layout fits.
    """
    tree = walk(root)
    if not tree.images:
        kinds = Counter(PurePosixPath(each.source).suffix.lower() or "no extension" for each in tree.skipped)
        seen = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3)) or "no files"
        raise InputError(f"a source must hold images ({', '.join(sorted(EXTENSIONS))}), but {root} holds {seen}; name a folder of images")
    for layout in LAYOUTS:
        images = layout.read(tree)
        if images is not None:
            known = {each.source for each in images} | {mask for each in images for mask in each.masks}
            others = [image.as_posix() for image in tree.images if image.as_posix() not in known]
            misfits = [Excluded(source, f"does not fit the layout ({layout.name})") for source in others]
            return Listing(layout.name, images, misfits, list(tree.skipped))
    expected = "; ".join(layout.expects for layout in LAYOUTS)
    raise InputError(
        f"a source must be laid out as one of [{expected}], but {root} holds {len(tree.images)} images such as {tree.images[0]}; "
        "sort them into one folder per class"
    )


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
        subfolders[:] = sorted(each for each in subfolders if not each.startswith(".") and each not in _CLUTTER)
        for name in names:
            if name.startswith(".") or name in _CLUTTER:
                continue
            relative = PurePosixPath(Path(folder, name).relative_to(root).as_posix())
            if not _readable(relative):
                skipped.append(Excluded(ascii(relative.as_posix())[1:-1], "its name is not valid UTF-8"))
            elif relative.suffix.lower() not in EXTENSIONS:
                skipped.append(Excluded(relative.as_posix(), f"no image by its extension ({relative.suffix or 'none'})"))
            else:
                images.append(relative)
    order = sorted(skipped, key=lambda each: each.source)
    return Tree(root, tuple(sorted(images)), tuple(order))


def _readable(path: PurePosixPath) -> bool:
    try:
        path.as_posix().encode()
    except UnicodeEncodeError:
        return False
    return True
