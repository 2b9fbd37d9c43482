"""The fingerprint of a source: measured from its list of files and a few images, whatever is broken among them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.domain.errors import InputError
from components.domain.fingerprint import Machine
from components.ingest.fingerprint import count_copies, take_fingerprint
from components.ingest.layouts import list_images
from components.ingest.sample import write_sample

REAL = Path(__file__).resolve().parents[4] / "shared" / "data"
MACHINE = Machine(4, 8)


def fingerprint(folder):
    return take_fingerprint(list_images(folder), machine=MACHINE, imagenet=True, fits="densenet121")


def write(folder, count, size=(60, 40), seed=0, mode="RGB"):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for index in range(count):
        noise = random.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).convert(mode).save(folder / f"{index}.png")


def test_counts_sizes_and_colour_of_a_folder_per_class(tmp_path):
    write(tmp_path / "benign", 9)
    write(tmp_path / "malignant", 3, seed=1)
    seen = fingerprint(tmp_path)
    assert (seen.layout, seen.classes, seen.patients) == ("folder per class", {"benign": 9, "malignant": 3}, 0)
    assert (seen.images, seen.imbalance, seen.sampled) == (12, 3.0, 12)
    assert (seen.width, seen.height, seen.oblong, seen.short_side) == (60, 40, 1.5, 40)
    assert not seen.gray and not seen.given_split
    assert (seen.machine, seen.imagenet, seen.fits) == (MACHINE, True, "densenet121")
    assert seen.words() == (
        "12 images (9 benign, 3 malignant); layout folder per class; usually 60 x 40 pixels in colour; 4 cores, 8 GiB, no GPU"
    )


def test_gray_files_are_gray_whatever_their_mode(tmp_path):
    write(tmp_path / "benign", 3, mode="L")
    write(tmp_path / "malignant", 3, mode="L", seed=1)
    for path in (tmp_path / "malignant").iterdir():
        Image.open(path).convert("RGB").save(path)
    assert fingerprint(tmp_path).gray


def test_a_copy_counts_once_and_a_file_of_equal_size_is_none(tmp_path):
    for name, content in {"a": b"one", "b": b"two", "c": b"one", "d": b"one", "e": b"three"}.items():
        (tmp_path / name).write_bytes(content)
    assert count_copies(sorted(tmp_path.iterdir())) == 2
    assert count_copies([tmp_path / "a", tmp_path / "gone"]) == 0


def test_copies_that_differ_late_are_none(tmp_path):
    for name, end in (("a", b"1"), ("b", b"2"), ("c", b"1")):
        (tmp_path / name).write_bytes(bytes(2**17) + end)
    assert count_copies(sorted(tmp_path.iterdir())) == 1


def test_broken_images_are_passed_over_and_nothing_but_broken_ones_is_refused(tmp_path):
    write(tmp_path / "benign", 3)
    write(tmp_path / "malignant", 1)
    (tmp_path / "malignant" / "broken.png").write_bytes(b"no image")
    assert fingerprint(tmp_path).sampled == 4
    for path in tmp_path.glob("*/[0-9].png"):
        path.write_bytes(b"no image either")
    with pytest.raises(InputError, match="must hold readable images"):
        fingerprint(tmp_path)


def test_a_given_split_is_seen(tmp_path):
    for split in ("train", "test"):
        for number, label in enumerate(("benign", "malignant")):
            write(tmp_path / split / label, 2, seed=number)
    assert fingerprint(tmp_path).given_split


@pytest.mark.parametrize(
    ("kind", "layout", "gray", "masks", "patients"),
    [
        ("histology", "folder per class, patient in the name", False, False, True),
        ("ultrasound", "BUSI", True, True, False),
        ("idc", "IDC", False, False, True),
    ],
)
def test_each_kind_of_sample_is_told_by_its_fingerprint(kind, layout, gray, masks, patients, tmp_path):
    write_sample(tmp_path / kind, kind, images=60, seed=0)
    seen = fingerprint(tmp_path / kind)
    assert (seen.layout, seen.gray, bool(seen.masks), bool(seen.patients)) == (layout, gray, masks, patients)


@pytest.mark.skipif(not REAL.is_dir(), reason="no real images beside the project")
def test_real_scans_are_gray_and_real_tissue_is_not():
    scans, tissue = fingerprint(REAL / "busi"), fingerprint(REAL / "breakhis-samples")
    assert (scans.layout, scans.gray, scans.copies) == ("BUSI", True, 1)
    assert (tissue.layout, tissue.gray, tissue.width, tissue.height) == ("BreakHis", False, 700, 460)
