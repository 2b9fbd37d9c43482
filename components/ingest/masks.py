"""What a lesion mask of an image marks: something, nothing, or not this image."""

from collections.abc import Sequence
from pathlib import Path

from serving.imaging import ImageError, decode

LESION, BLANK, MISFIT, DAMAGED = "lesion", "blank", "misfit", "damaged"


def mask_state(masks: Sequence[Path], *, width: int, height: int) -> str:
    """Say what the masks of an image are.

    Args:
        masks: their files.
        width: of the decoded image, in pixels.
        height: likewise.

    Returns:
        "" without masks; `DAMAGED` if one cannot be read, `MISFIT` if one is of another size than the image, `BLANK` if all are
        black, else `LESION`.
    """
    if not masks:
        return ""
    state = BLANK
    for mask in masks:
        try:
            pixels = decode(mask.read_bytes()).pixels
        except (OSError, ImageError):
            return DAMAGED
        if pixels.shape[:2] != (height, width):
            return MISFIT
        if pixels.any():
            state = LESION
    return state
