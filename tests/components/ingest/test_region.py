"""Images cut to their lesion masks: the right part, in every split, counted, and marked as an oracle."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.domain.artifacts import HELD_OUT_FOLDER, read_dataset
from components.domain.errors import InputError
from components.domain.recipe import Recipe
from components.ingest.ingest import ingest_source
from components.ingest.region import Box, lesion_box
from serving.imaging import decode, fit
from serving.measure import properties

RECIPE = Recipe(name="test", task="ultrasound", backbone="convnet", image_size=32, roi="mask", roi_margin=0.25)


def mask_of(rows: slice, columns: slice, shape: tuple[int, int] = (100, 200)) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[rows, columns] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "margin", "expected"),
    [
        (mask_of(slice(40, 60), slice(90, 110)), 0.0, Box(40, 60, 90, 110)),
        (mask_of(slice(40, 60), slice(90, 110)), 0.5, Box(30, 70, 80, 120)),
        (mask_of(slice(45, 55), slice(80, 120)), 0.0, Box(30, 70, 80, 120)),  # a square around a wide lesion
        (mask_of(slice(0, 20), slice(0, 20)), 0.5, Box(0, 40, 0, 40)),  # moved inwards at a corner
        (mask_of(slice(80, 100), slice(180, 200)), 0.5, Box(60, 100, 160, 200)),
        (mask_of(slice(10, 90), slice(0, 200)), 0.5, Box(0, 100, 0, 200)),  # no larger than the image
        (mask_of(slice(0, 0), slice(0, 0)), 0.5, None),
    ],
)
def test_the_box_around_a_lesion_worked_by_hand(mask, margin, expected):
    assert lesion_box(mask, margin=margin) == expected


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """BUSI's layout: 12 images a class, a lesion at rows 16-32 and columns 24-40 of 64; `normal` has blank masks."""
    root, random = tmp_path / "busi", np.random.default_rng(0)
    for label in ("benign", "malignant", "normal"):
        (root / label).mkdir(parents=True)
        for number in range(12):
            coarse = random.integers(0, 120, (8, 8, 3), dtype=np.uint8)
            image = np.asarray(Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC)).copy()
            mask = np.zeros((64, 64), np.uint8)
            if label != "normal":
                image[16:32, 24:40] = 240
                mask[16:32, 24:40] = 255
            Image.fromarray(image).save(root / label / f"{label} ({number}).png")
            Image.fromarray(mask).save(root / label / f"{label} ({number})_mask.png")
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(root / "benign" / "benign (3)_mask.png")
    return root


def ingest(source: Path, output: Path, recipe: Recipe = RECIPE):
    return ingest_source(str(source), output, recipe=recipe, cache=output.parent / "cache")


def test_every_split_holds_the_cut_images_and_the_whole_where_there_is_no_lesion(source, tmp_path):
    ingest(source, tmp_path / "dataset")
    dataset = read_dataset(tmp_path / "dataset")
    assert dataset.oracle
    for row, (name, label) in enumerate(zip(dataset.column("source"), dataset.column("label"), strict=True)):
        original = decode((source / name).read_bytes()).pixels
        whole = label == "normal" or name.startswith("benign/benign (3)")
        part = original if whole else original[12:36, 20:44]
        np.testing.assert_array_equal(dataset.pixels[row], fit(np.ascontiguousarray(part), dataset.spec))
        assert dataset.table.column("property_brightness")[row].as_py() == pytest.approx(properties(part)["brightness"])
        assert dataset.table.column("property_width")[row].as_py() == part.shape[1]
    assert {dataset.column("split")[row] for row in range(36)} == {"train", "validation", "test"}


def test_what_was_cut_and_what_stayed_whole_is_counted_and_told(source, tmp_path, caplog):
    with caplog.at_level("WARNING", logger="components"):
        ingest(source, tmp_path / "dataset")
    counts = json.loads((tmp_path / "dataset" / "roi.json").read_text())
    assert counts == {"margin": 0.25, "cut": 23, "blank": 12, "missing": 0, "unusable": 1}
    assert "ORACLE: 23 images" in caplog.text and "13 stay whole" in caplog.text
    assert "benign (3)_mask.png is (20, 20) pixels" in caplog.text
    with Image.open(tmp_path / "dataset" / "roi.png") as sheet:
        assert sheet.size == (6 * 32, 64)  # whole above, cut below


def test_the_service_is_checked_with_the_cut_images(source, tmp_path):
    ingest(source, tmp_path / "dataset")
    dataset = read_dataset(tmp_path / "dataset")
    for row in dataset.rows("test"):
        kept = decode((tmp_path / "dataset" / HELD_OUT_FOLDER / f"{dataset.column('id')[row]}.png").read_bytes()).pixels
        np.testing.assert_array_equal(fit(kept, dataset.spec), dataset.pixels[row])


def test_splits_and_certificate_are_those_of_the_whole_pictures(source, tmp_path):
    cut = ingest(source, tmp_path / "cut")
    whole = ingest(source, tmp_path / "whole", RECIPE.override({"roi": "none"}))
    assert cut.splits == whole.splits
    assert not read_dataset(tmp_path / "whole").oracle
    assert not (tmp_path / "whole" / "roi.json").exists()


def test_a_source_without_masks_is_refused_in_one_line(draw, tmp_path):
    source = draw({f"{label}/{row}.png": 50 * place + row for place, label in enumerate(("benign", "malignant")) for row in range(8)})
    with pytest.raises(InputError, match=r"roi=mask needs images with lesion masks, but the layout .* has none; set roi=none"):
        ingest(source, tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()
