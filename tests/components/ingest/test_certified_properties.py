"""What a certificate says of any source, against plain loops: nothing lost or invented, nothing across splits, nothing to be changed."""

from hashlib import sha256
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.domain.artifacts import SPLITS
from components.domain.certificate import Certificate, pixels_digest
from components.domain.errors import RefusedError
from components.ingest.certify import certify
from components.ingest.duplicates import THRESHOLD
from components.ingest.layouts import Listing
from components.ingest.layouts.layout import Found
from components.ingest.scan import Scanned
from components.ingest.split import assign_splits
from components.ingest.survey import Survey, sum_up

CLASSES = ("benign", "malignant")


def image(place: int, picture: str, label: str, patient: int, hashed: bytes) -> Scanned:
    name = f"{label}/{place}.png"
    found = Found(Path(name), name, label, f"p{patient}" if patient else "")
    return Scanned(place, found, picture, hashed, 40, 40, "RGB", {})


def flip(hashed: bytes, bits: int, random: np.random.Generator) -> bytes:
    each = np.unpackbits(np.frombuffer(hashed, dtype=np.uint8))
    each[random.choice(255, bits, replace=False)] ^= 1
    return np.packbits(each).tobytes()


@st.composite
def sources(draw: st.DrawFn) -> Survey:
    """Images of which some are equal, some look alike and some are of one patient, in any order; enough single ones of each class."""
    singles = [(label, 0, False) for label in CLASSES for _ in range(6)]
    others = st.tuples(st.sampled_from(CLASSES), st.integers(0, 5), st.booleans())
    images: list[Scanned] = []
    for place, (label, patient, repeats) in enumerate(draw(st.permutations(singles + draw(st.lists(others, max_size=20))))):
        random = np.random.default_rng(place)
        picture, hashed = sha256(str(place).encode()).hexdigest(), random.bytes(32)
        if repeats and images:
            like = draw(st.sampled_from(images))
            bits = draw(st.sampled_from([0, 3, THRESHOLD, THRESHOLD + 1]))
            picture, hashed = picture if bits else like.id, flip(like.hash, bits, random)
        images.append(image(place, picture, label, patient, hashed))
    return sum_up(Listing("test", [each.found for each in images], [], []), images, [])


def pixels_of(found: Survey) -> np.ndarray:
    return np.stack([np.frombuffer(bytes.fromhex(found.images[row].id)[:12], dtype=np.uint8).reshape(2, 2, 3) for row in found.kept])


def rows_of(found: Survey, splits: list[str]) -> list[tuple[str, str, str, str]]:
    return [
        (found.images[row].id, found.images[row].found.label, found.groups[row], split)
        for row, split in zip(found.kept, splits, strict=True)
    ]


def certified(found: Survey, splits: list[str]) -> Certificate:
    return certify(found, [found.groups[row] for row in found.kept], splits, pixels=pixels_of(found), share=0.2)


def split(found: Survey, seed: int) -> list[str]:
    kept = [found.images[row].found.label for row in found.kept]
    return assign_splits(kept, [found.groups[row] for row in found.kept], validation=0.2, test=0.2, seed=seed)


@settings(max_examples=60, deadline=None)
@given(sources())
def test_every_image_is_kept_or_left_out_with_a_reason_and_none_is_both(found: Survey) -> None:
    kept = [found.images[row].found.source for row in found.kept]
    left_out = [each.source for each in found.excluded()]
    assert sorted(kept + left_out) == sorted(image.found.source for image in found.images)
    assert len({found.images[row].id for row in found.kept}) == len(kept)


@settings(max_examples=60, deadline=None)
@given(sources(), st.data())
def test_what_crosses_is_counted_as_by_a_plain_loop_whatever_the_split(found: Survey, data: st.DataObject) -> None:
    splits = data.draw(st.lists(st.sampled_from(SPLITS), min_size=len(found.kept), max_size=len(found.kept)))
    certificate = certified(found, splits)
    hashes = [np.unpackbits(np.frombuffer(found.images[row].hash, dtype=np.uint8)) for row in found.kept]
    near = [(a, b) for a, b in combinations(range(len(hashes)), 2) if int((hashes[a] != hashes[b]).sum()) <= THRESHOLD]
    assert certificate.near_duplicate_pairs == len(near)
    assert certificate.edges_across_splits == sum(splits[a] != splits[b] for a, b in near)
    sides = {group: {split for _, _, each, split in rows_of(found, splits) if each == group} for _, _, group, _ in rows_of(found, splits)}
    assert certificate.groups_across_splits == sum(len(each) > 1 for each in sides.values())
    assert sum(certificate.split_images.values()) == certificate.images == len(found.kept)


@settings(max_examples=40, deadline=None)
@given(sources(), st.integers(0, 3))
def test_our_split_crosses_nothing_and_the_same_seed_gives_the_same_certificate(found: Survey, seed: int) -> None:
    certificate = certified(found, split(found, seed))
    assert (certificate.edges_across_splits, certificate.groups_across_splits) == (0, 0)
    assert certificate.digest == certified(found, split(found, seed)).digest


@settings(max_examples=40, deadline=None)
@given(sources(), st.data())
def test_the_certificate_holds_for_exactly_these_images_and_no_other(found: Survey, data: st.DataObject) -> None:
    splits = split(found, 0)
    certificate = certified(found, splits)
    train = [row for row in rows_of(found, splits) if row[3] == "train"]
    stored = pixels_digest((row[0], each) for row, each in zip(rows_of(found, splits), pixels_of(found), strict=True) if row[3] == "train")
    certificate.require("train", data.draw(st.permutations(train)), stored)
    place = data.draw(st.integers(0, len(train) - 1))
    one = train[place]
    changed = data.draw(
        st.sampled_from([[], [(one[0], "other", *one[2:])], [(*one[:2], "other", one[3])], [("0" * 64, *one[1:])], [one, one]])
    )
    with pytest.raises(RefusedError, match="must be the one that was certified"):
        certificate.require("train", [*train[:place], *changed, *train[place + 1 :]], stored)
    with pytest.raises(RefusedError, match="pixels' digest differs"):
        certificate.require("train", train, "sha256:" + "0" * 64)
