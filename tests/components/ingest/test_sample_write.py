"""The sample on disk: same bytes for a seed, everything planted is there, nothing else is overwritten."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.domain.errors import InputError
from components.ingest.duplicates import THRESHOLD, near_duplicates
from components.ingest.layouts import list_images
from components.ingest.perceptual import perceptual_hash
from components.ingest.sample import SampleSummary, write_sample
from components.ingest.sample.write import KINDS, LEAST, MARKER
from serving.imaging import ImageError, decode


def _digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module", params=sorted(KINDS))
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SampleSummary]:
    directory = tmp_path_factory.mktemp("sample") / "data"
    return directory, write_sample(directory, request.param, images=LEAST, seed=3)


def _images(directory: Path) -> dict[Path, np.ndarray]:
    """Every image that can be read, without masks."""
    found = {}
    for path in sorted(directory.rglob("*.png")):
        if "_mask" not in path.stem:
            try:
                found[path] = decode(path.read_bytes()).pixels
            except ImageError:
                continue
    return found


def test_same_seed_same_bytes_and_another_seed_another_sample(sample, tmp_path):
    directory, summary = sample
    again = write_sample(tmp_path / "again", summary.kind, images=LEAST, seed=3)
    assert again == summary
    assert _digests(tmp_path / "again") == _digests(directory)
    one, other = (KINDS[summary.kind](LEAST, seed).paint(0)[0].pixels for seed in (3, 4))
    assert not np.array_equal(one, other)


def test_readable_images_are_as_many_as_asked_for_and_as_counted(sample):
    directory, summary = sample
    images = _images(directory)
    labels = [path.parent.name for path in images]
    assert sum(summary.classes.values()) == LEAST == len(images)
    assert {label: labels.count(label) for label in set(labels)} == summary.classes
    assert sum(1 for path in directory.rglob("*") if path.is_file()) == summary.files + 1
    assert json.loads((directory / MARKER).read_text())["summary"]["files"] == summary.files


def test_broken_files_are_one_truncated_one_empty_and_one_text(sample):
    directory, summary = sample
    reasons = []
    for path in sorted(directory.rglob("*.png")):
        try:
            decode(path.read_bytes())
        except ImageError as error:
            reasons.append(error.code)
    assert summary.broken == 3
    assert sorted(reasons) == ["damaged", "empty", "not_an_image"]


def test_a_perceptual_hash_finds_the_planted_pairs_and_no_others(sample):
    directory, summary = sample
    images = _images(directory)
    pairs = near_duplicates([perceptual_hash(pixels) for pixels in images.values()], threshold=THRESHOLD)
    assert summary.duplicates >= 2
    assert len(pairs) == summary.duplicates + summary.conflicts


def test_one_file_lies_under_two_labels(sample):
    directory, summary = sample
    by_digest: dict[str, set[str]] = {}
    for path in _images(directory):
        by_digest.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), set()).add(path.parent.name)
    conflicts = [labels for labels in by_digest.values() if len(labels) > 1]
    assert summary.conflicts == 1
    assert conflicts == [{"0", "1"}] if summary.kind == "idc" else conflicts == [{"benign", "malignant"}]


def test_a_second_call_finds_the_sample_and_writes_nothing(sample):
    directory, summary = sample
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
    assert write_sample(directory, summary.kind, images=LEAST, seed=3) == summary
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before


def test_another_sample_a_changed_one_and_foreign_files_are_refused(tmp_path):
    directory = tmp_path / "data"
    write_sample(directory, "idc", images=LEAST, seed=0)
    before = _digests(directory)
    with pytest.raises(InputError, match=r"holds another idc sample \(images=60, seed=0, format=\d+\); name a new one"):
        write_sample(directory, "idc", images=LEAST, seed=1)
    assert _digests(directory) == before
    next(directory.rglob("*.png")).unlink()
    with pytest.raises(InputError, match="holds 62 files instead of 63; delete the directory"):
        write_sample(directory, "idc", images=LEAST, seed=0)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        write_sample(foreign, "idc", images=LEAST, seed=0)
    assert (foreign / "thesis.txt").read_text() == "mine"
    with pytest.raises(InputError, match="is a file"):
        write_sample(foreign / "thesis.txt", "idc", images=LEAST, seed=0)


@pytest.mark.parametrize(
    ("kind", "images", "seed", "message"),
    [
        ("xray", 100, 0, "one of histology, ultrasound, idc, but got 'xray'"),
        ("histology", LEAST - 1, 0, "at least 60 images, but got 59"),
        ("histology", LEAST, -1, "must not be negative, but got -1"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(tmp_path, kind, images, seed, message):
    with pytest.raises(InputError, match=message):
        write_sample(tmp_path / "data", kind, images=images, seed=seed)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing_half(tmp_path, monkeypatch):
    written = []

    def fail(self: Path, data: bytes) -> int:
        written.append(self)
        if len(written) == 5:
            raise KeyboardInterrupt
        with self.open("wb") as file:
            return file.write(data)

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "data", "idc", images=LEAST, seed=0)
    assert len(written) == 5
    assert list(tmp_path.iterdir()) == []


def test_an_empty_directory_is_taken(tmp_path):
    (tmp_path / "data").mkdir()
    summary = write_sample(tmp_path / "data", "idc", images=LEAST, seed=0)
    assert summary.files == LEAST + 3
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_masks_are_black_for_normal_and_cover_the_lesion_otherwise(sample):
    directory, summary = sample
    masks = sorted(directory.rglob("*_mask*.png"))
    assert len(masks) == summary.masks
    assert (summary.kind == "ultrasound") == bool(masks)
    for path in masks:
        mask = np.asarray(Image.open(path))
        share = float((mask > 0).mean())
        assert set(np.unique(mask)) <= {0, 255}
        assert share == 0 if "normal" in path.name else 0.003 < share < 0.4
        image = path.with_name(path.stem.split("_mask")[0] + ".png")
        assert Image.open(image).size == (mask.shape[1], mask.shape[0])


def test_ingest_recognises_the_layout_with_its_groups(sample):
    directory, summary = sample
    listing = list_images(directory)
    assert len(listing.images) == LEAST + summary.broken and listing.misfits == []
    assert {found.label for found in listing.images} == set(summary.classes)
    assert len({found.group for found in listing.images} - {""}) == {"histology": 10, "ultrasound": 0, "idc": 5}[summary.kind]
    assert sum(len(found.masks) for found in listing.images) == summary.masks
