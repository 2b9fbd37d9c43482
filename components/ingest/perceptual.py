"""The perceptual hash: what a picture shows, in 255 bits. `components.ingest.duplicates` says how well it tells pictures apart."""

import numpy as np
from PIL import Image

from serving.imaging import Pixels

HASH_BYTES = 32
FEATURELESS = bytes(HASH_BYTES)
"""Hash of a picture without content (one even tone): it is like every other such picture, so it is never compared."""
LEAST_CONTRAST = 1.0
_SIDE, _KEPT = 64, 16
_WAVES = np.cos(np.pi * np.arange(_KEPT)[:, None] * (2 * np.arange(_SIDE) + 1) / (2 * _SIDE))
"""The lowest DCT (type II) waves, [16, 64]: two small products take a quarter of the time of a whole transform."""


def perceptual_hash(pixels: Pixels) -> bytes:
    """Hash what a picture shows: uint8 [h, w, 3] -> 32 bytes, of which 255 bits are used.

    A picture whose gray values at 64 x 64 vary by less than `LEAST_CONTRAST` (standard deviation, of 255) gives `FEATURELESS`.
    """
    gray = np.asarray(Image.fromarray(pixels).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), dtype=np.float64)
    if float(gray.std()) < LEAST_CONTRAST:
        return FEATURELESS
    low = (_WAVES @ gray @ _WAVES.T).ravel()[1:]
    middle = np.partition(low, len(low) // 2)[len(low) // 2]  # the median of an odd number
    return np.packbits(low > middle).tobytes()
