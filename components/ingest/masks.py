"""What a lesion mask of an image marks: something, nothing, or not this image."""

from pathlib import Path, PurePosixPath

from components.ingest.layouts.layout import Found
from serving.imaging import ImageError, decode

LESION, BLANK, MISFIT, DAMAGED = "lesion", "blank", "misfit", "damaged"


def mask_state(found: Found, *, width: int, height: int) -> str:
    """Say what the masks of an image are.

    Args:
        found: the image with its masks.
        width: of the decoded image, in pixels.
        height: likewise.

    Returns:
        "" without masks; `DAMAGED` if one cannot be read, `MISFIT` if one is of another size than the image, `BLANK` if all are
        black, else `LESION`.
    """
    if not found.masks:
        return ""
    root = found.path.parents[len(PurePosixPath(found.source).parts) - 1]
    state = BLANK
    for mask in found.masks:
        try:
            pixels = decode(Path(root, mask).read_bytes()).pixels
        except (OSError, ImageError):
            return DAMAGED
        if pixels.shape[:2] != (height, width):
            return MISFIT
        if pixels.any():
            state = LESION
    return state
