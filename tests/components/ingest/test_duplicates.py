import io
import time

import numpy as np
import pytest
from PIL import Image

from components.domain.errors import InputError
from components.ingest import duplicates
from components.ingest.duplicates import clusters, members, near_duplicates, random_split_leak
from components.ingest.perceptual import FEATURELESS, perceptual_hash


def bits(*places: int) -> bytes:
    """A 256-bit hash with these bits set."""
    array = np.zeros(256, dtype=np.uint8)
    array[list(places)] = 1
    return np.packbits(array).tobytes()


def picture(seed: int, side: int = 96) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def distance(one: bytes, other: bytes) -> int:
    return int(np.bitwise_count(np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)).sum())


def edges(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def test_a_hash_is_255_bits_of_which_the_median_splits_the_half() -> None:
    value = perceptual_hash(picture(1))
    assert len(value) == 32
    assert int.from_bytes(value).bit_count() == 127


def test_the_same_scene_stays_close_and_another_one_far() -> None:
    original = picture(1, side=200)
    buffer = io.BytesIO()
    Image.fromarray(original).save(buffer, "JPEG", quality=60)
    marked = original.copy()
    marked[20:24, 20:24] = 255
    smaller = np.asarray(Image.fromarray(original).resize((120, 130)))
    brighter = np.clip(original.astype(int) + 12, 0, 255).astype(np.uint8)
    for variant in (np.asarray(Image.open(buffer)), marked, smaller, brighter):
        assert distance(perceptual_hash(original), perceptual_hash(variant)) <= 40
    assert min(distance(perceptual_hash(original), perceptual_hash(picture(seed))) for seed in range(2, 30)) > 80


def test_one_even_tone_has_no_features_and_no_duplicates() -> None:
    white = np.full((50, 50, 3), 255, dtype=np.uint8)
    assert perceptual_hash(white) == FEATURELESS
    assert len(near_duplicates([FEATURELESS, FEATURELESS, bits(1)])) == 0


def test_pairs_within_the_threshold_by_hand() -> None:
    hashes = [bits(1), bits(1, 2, 3), bits(1, 2, 3, 200, 201), bits(*range(100, 200))]
    assert near_duplicates(hashes, threshold=2).tolist() == [[0, 1], [1, 2]]
    assert near_duplicates(hashes, threshold=4).tolist() == [[0, 1], [0, 2], [1, 2]]


def test_pairs_are_those_of_the_plain_double_loop() -> None:
    random = np.random.default_rng(0)
    base = random.integers(0, 2, (40, 256), dtype=np.uint8)
    flips = (random.random((300, 256)) < 0.08).astype(np.uint8)
    hashes = [np.packbits(row).tobytes() for row in base[random.integers(0, 40, 300)] ^ flips]
    expected = [[i, j] for i in range(300) for j in range(i + 1, 300) if distance(hashes[i], hashes[j]) <= 40]
    assert 100 < len(expected) < 5000
    assert near_duplicates(hashes).tolist() == expected


def test_twenty_thousand_images_take_less_than_five_seconds() -> None:
    random = np.random.default_rng(0)
    hashes = [random.bytes(32) for _ in range(20_000)]
    hashes[19_999] = hashes[3]
    began = time.monotonic()
    assert near_duplicates(hashes).tolist() == [[3, 19_999]]
    assert time.monotonic() - began < 5


def test_too_many_pairs_end_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 2)
    with pytest.raises(InputError, match="may hold 2 near-duplicate pairs, but 3 images hold more; take out"):
        near_duplicates([bits(1)] * 3)


def test_clusters_are_connected_components() -> None:
    component = clusters(edges((0, 2), (2, 4), (1, 5)), 6)
    assert members(component) == [[0, 2, 4], [1, 5]]
    assert members(clusters(edges(), 3)) == []


def test_a_random_split_of_twins_leaks_as_counted_by_hand() -> None:
    # Two images, twins, one on each side whatever the draw.
    assert random_split_leak(edges((0, 1)), 2, share=0.5) == 1.0
    # Four images, one twin pair, two in test: of the 6 splits 4 divide the pair, then one of the two test images leaks.
    assert random_split_leak(edges((0, 1)), 4, share=0.5, draws=4000) == pytest.approx(4 / 6 / 2, abs=0.02)
    assert random_split_leak(edges(), 10) == 0.0


def test_the_same_seed_gives_the_same_leak() -> None:
    pairs = edges((0, 1), (2, 3), (4, 5))
    assert random_split_leak(pairs, 20, draws=7, seed=3) == random_split_leak(pairs, 20, draws=7, seed=3)
