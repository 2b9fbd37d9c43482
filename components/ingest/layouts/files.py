"""Which files of a source are looked at, by their names alone."""

from pathlib import PurePosixPath

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom"})
MANIFESTS = ("manifest.csv", "manifest.parquet")
_CLUTTER = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


def is_clutter_name(name: str) -> bool:
    """Tell whether a file or folder is hidden or left by a system."""
    return name.startswith(".") or name in _CLUTTER


def is_clutter(path: PurePosixPath) -> bool:
    """Tell whether a path or a folder on it is hidden or left by a system."""
    return any(is_clutter_name(part) for part in path.parts)


def has_no_extension(path: PurePosixPath) -> bool:
    """Tell whether a name says nothing about the type; DICOM files are often named by numbers (`IM0001`, `1.2.840.10008.1`)."""
    return not path.suffix or path.suffix[1:].isdigit()


def is_image_name(path: PurePosixPath) -> bool:
    """Tell whether a file is an image by its extension."""
    return path.suffix.lower() in EXTENSIONS


def may_be_image(path: PurePosixPath) -> bool:
    """Tell whether a file is an image by its extension, or may be DICOM without one."""
    return is_image_name(path) or has_no_extension(path)


def is_manifest(path: PurePosixPath) -> bool:
    """Tell whether a file lists the images of its folder."""
    return path.name.lower() in MANIFESTS


def no_image(path: PurePosixPath) -> str:
    """Return the reason for which a file that is no image is left out."""
    return f"no image by its extension ({path.suffix or 'none'})"
