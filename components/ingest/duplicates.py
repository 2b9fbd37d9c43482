"""The same picture twice: a perceptual hash, the pairs within its threshold, and the clusters that they form.

The hash is the sign of the lowest 16 x 16 DCT coefficients against their median, without the constant one: 255 bits.
Re-compression, calipers, slight re-cropping and neighbouring frames move few of them. On the 780 images of BUSI (Al-Dhabyani
et al., Data in Brief 28 (2020) 104863) every pair looked at up to distance 64 was the same scene and the first clearly
different ones came at 80; unrelated pictures differ in about 127 bits. `THRESHOLD` = 40 keeps a wide margin below both.
On 50 x 50 patches of tissue (2,520 cut from BreakHis) no two different ones come closer than 60, JPEG at quality 75 stays within 40
for 98 %; a shift of one pixel in fifty is not found, so patches that overlap need a slide or patient group.
"""

import functools

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from components.domain.errors import InputError
from serving.contract import ImageSpec
from serving.imaging import Pixels, fit

THRESHOLD = 40
METHOD = f"perceptual hash (16x16 DCT, 255 bits), Hamming distance <= {THRESHOLD}"
HASH_BYTES = 32
FEATURELESS = bytes(HASH_BYTES)
"""Hash of a picture without content (one even tone): it is like every other such picture, so it is never compared."""
MAX_PAIRS = 20_000_000
LEAST_CONTRAST = 1.0

Pairs = npt.NDArray[np.int64]
"""Rows (i, j) with i < j of images that are near duplicates, int64 [m, 2], sorted."""

_SMALL = ImageSpec(height=64, width=64)
_GRAY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def perceptual_hash(pixels: Pixels) -> bytes:
    """Hash what a picture shows: uint8 [h, w, 3] -> 32 bytes, of which 255 bits are used.

    A picture whose gray values at 64 x 64 vary by less than `LEAST_CONTRAST` (standard deviation, of 255) gives `FEATURELESS`.
    """
    gray = fit(pixels, _SMALL).astype(np.float32) @ _GRAY
    if float(gray.std()) < LEAST_CONTRAST:
        return FEATURELESS
    low = dctn(gray)[:16, :16].ravel()[1:]
    return np.packbits(low > np.median(low)).tobytes()


def near_duplicates(hashes: list[bytes], *, threshold: int = THRESHOLD) -> Pairs:
    """Find all pairs of hashes within a Hamming distance, comparing every one with every other.

    Works in tiles of a few megabytes; the second half of the bits is looked at only where the first half is close enough.

    Args:
        hashes: from `perceptual_hash`.
        threshold: largest distance in bits.

    Returns:
        The pairs; images without features are in none.

    Raises:
        InputError: if there are more than `MAX_PAIRS`.
    """
    rows = np.array([row for row, value in enumerate(hashes) if value != FEATURELESS], dtype=np.int64)
    joined = np.frombuffer(b"".join(hashes[row] for row in rows), dtype=np.uint64).reshape(-1, HASH_BYTES // 8)
    words = np.ascontiguousarray(joined.T)
    found: list[Pairs] = []
    count = 0
    height, width = 64, 4096
    for top in range(0, len(rows), height):
        for left in range(top, len(rows), width):
            tile = _close(words[:, top : top + height], words[:, left : left + width], threshold) + np.array([top, left])
            tile = tile[tile[:, 0] < tile[:, 1]]
            count += len(tile)
            if count > MAX_PAIRS:
                raise InputError(
                    f"a source may hold {MAX_PAIRS:,} near-duplicate pairs, but {len(hashes):,} images hold more; "
                    "take out blank or repeated images"
                )
            if len(tile):
                found.append(tile)
    pairs = rows[np.concatenate(found)] if found else np.empty((0, 2), dtype=np.int64)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _close(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64], threshold: int) -> Pairs:
    """Return the places (row, column) whose hashes, uint64 [4, n] and [4, m], differ in at most `threshold` bits."""
    half = functools.reduce(np.add, (np.bitwise_count(one[word][:, None] ^ other[word][None, :]) for word in (0, 1)))
    places = np.argwhere(half <= threshold)
    rest = np.bitwise_count(one[2:, places[:, 0]] ^ other[2:, places[:, 1]]).sum(axis=0, dtype=np.int64)
    kept: Pairs = places[half[places[:, 0], places[:, 1]] + rest <= threshold]
    return kept


def clusters(edges: Pairs, count: int) -> npt.NDArray[np.int64]:
    """Return the connected component of each of `count` nodes under the edges: int64 [count], numbered from 0."""
    graph = coo_array((np.ones(len(edges), dtype=np.int32), (edges[:, 0], edges[:, 1])), shape=(count, count))
    labels: npt.NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels


def members(component: npt.NDArray[np.int64]) -> list[list[int]]:
    """Return the rows of each component with two or more, largest first, then by first row."""
    order = np.argsort(component, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(component[order])) + 1)
    return sorted(([int(row) for row in part] for part in parts if len(part) > 1), key=lambda part: (-len(part), part[0]))


def random_split_leak(pairs: Pairs, n: int, *, share: float = 0.2, draws: int = 200, seed: int = 0) -> float:
    """Estimate what a split by image would leak: the share of test images with a near duplicate on the training side.

    Args:
        pairs: near duplicates among the images.
        n: how many images there are.
        share: of them that goes to the test side; the others all train.
        draws: random splits that are averaged.
        seed: of the splits.

    Returns:
        A share in [0, 1].
    """
    size = round(share * n)
    if not len(pairs) or not 0 < size < n:
        return 0.0
    random = np.random.default_rng(seed)
    leaking = 0
    for _ in range(draws):
        test = np.zeros(n, dtype=np.bool_)
        test[random.permutation(n)[:size]] = True
        leaks = np.zeros(n, dtype=np.bool_)
        sides = test[pairs]
        leaks[pairs[sides[:, 0] & ~sides[:, 1], 0]] = True
        leaks[pairs[sides[:, 1] & ~sides[:, 0], 1]] = True
        leaking += int(leaks.sum())
    return leaking / (size * draws)
