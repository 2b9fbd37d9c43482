"""The same picture twice: the pairs of perceptual hashes within a threshold, and the clusters that they form.

The hash is the sign of the lowest 16 x 16 DCT coefficients against their median, without the constant one: 255 bits.
Re-compression, calipers, slight re-cropping and neighbouring frames move few of them. On the 780 images of BUSI (Al-Dhabyani
et al., Data in Brief 28 (2020) 104863) every pair looked at up to distance 64 was the same scene and the first clearly
different ones came at 80; unrelated pictures differ in about 127 bits. `THRESHOLD` = 40 keeps a wide margin below both.
On 208 of these images (and on 20 of BreakHis within a few bits) the median distance to a changed copy is: JPEG at quality 40: 2 bits;
half the size 0; blur 0; brightness or contrast + 20 % 2 to 7; burned-in calipers and text 10; two pixels cut off one side 10;
1 % cut off every side 16, 2 % 34 (81 % of the copies within the threshold), 4 % 64 (none): neighbouring or re-cropped fields beyond that,
mirrored and rotated copies (128) are not found, so a patient or slide must group them. Raising the threshold to 64 would find 15 more
pairs of BUSI, but would tie different patches: on 50 x 50 patches of tissue (2,520 cut from BreakHis) different ones come as close as 60,
JPEG at quality 75 stays within 40 for 98 %, and a shift of one pixel in fifty is not found.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from components.domain.console import progress
from components.domain.errors import InputError
from components.ingest.perceptual import FEATURELESS, HASH_BYTES

THRESHOLD = 40
METHOD = f"perceptual hash (16x16 DCT, 255 bits), Hamming distance <= {THRESHOLD}"
MAX_PAIRS = 20_000_000
BAND, TILE = 256, (16, 4096)
"""Rows of a band, the unit of work of a thread; rows and columns of a tile, which stays in a processor's cache."""
TELL = 100
"""From so many bands on, progress is told."""

Pairs = npt.NDArray[np.int64]
"""Rows (i, j) with i < j of images that are near duplicates, int64 [m, 2], sorted."""


def near_duplicates(hashes: list[bytes], *, threshold: int = THRESHOLD) -> Pairs:
    """Find all pairs of hashes within a Hamming distance, comparing every one with every other: exact, nothing is missed.

    An index by parts of the hash would have to miss pairs: 40 of 255 bits leave no part of a useful length untouched. Threads, one a
    processor, work through tiles of a few hundred kilobytes and look at the second half of the bits only where the first half is
    close enough: 20,000 hashes take 0.4 s of processor time and 300,000 take 84 s, shared by the processors, in 36 MiB.

    Args:
        hashes: from `components.ingest.perceptual`.
        threshold: largest distance in bits.

    Returns:
        The pairs; images without features are in none.

    Raises:
        InputError: if there are more than `MAX_PAIRS`.
    """
    rows = np.array([row for row, value in enumerate(hashes) if value != FEATURELESS], dtype=np.int64)
    joined = np.frombuffer(b"".join(hashes[row] for row in rows), dtype=np.uint64).reshape(-1, HASH_BYTES // 8)
    words = np.ascontiguousarray(joined.T)
    bands = range(0, len(rows), BAND)
    found: list[Pairs] = []
    count = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = pool.map(lambda top: _band(words, top, threshold), bands)
        try:
            for band in seen if len(bands) < TELL else progress(seen, len(bands), f"bands of {BAND} hashes compared"):
                found.append(band)
                count += len(band)
                if count > MAX_PAIRS:
                    raise InputError(
                        f"a source may hold {MAX_PAIRS:,} near-duplicate pairs, but {len(hashes):,} images hold more; "
                        "take out blank or repeated images"
                    )
        finally:
            pool.shutdown(cancel_futures=True)
    pairs = rows[np.concatenate(found)] if count else np.empty((0, 2), dtype=np.int64)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _band(words: npt.NDArray[np.uint64], top: int, threshold: int) -> Pairs:
    """Return the pairs (i, j), i < j, with i in the band from `top`, of hashes uint64 [4, n] that differ in at most `threshold` bits."""
    height, width = TILE
    bits, total, part = np.empty(TILE, np.uint64), np.empty(TILE, np.uint8), np.empty(TILE, np.uint8)
    found: list[Pairs] = []
    count = words.shape[1]
    for upper in range(top, min(top + BAND, count), height):
        one = words[:, upper : min(upper + height, top + BAND), None]
        for left in range(upper, count, width):
            other = words[:, None, left : left + width]
            place = slice(one.shape[1]), slice(other.shape[2])
            np.bitwise_count(np.bitwise_xor(one[0], other[0], out=bits[place]), out=total[place])
            np.bitwise_count(np.bitwise_xor(one[1], other[1], out=bits[place]), out=part[place])
            half = np.add(total[place], part[place], out=total[place])
            if half.min() > threshold:
                continue
            close = np.argwhere(half <= threshold)
            close = close[close[:, 0] + upper < close[:, 1] + left]
            rest = np.bitwise_count(one[2:, close[:, 0], 0] ^ other[2:, 0, close[:, 1]]).sum(axis=0, dtype=np.int64)
            close = close[half[close[:, 0], close[:, 1]] + rest <= threshold]
            found.append(close + np.array([upper, left]))
            if sum(map(len, found)) > MAX_PAIRS:
                break
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)


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
