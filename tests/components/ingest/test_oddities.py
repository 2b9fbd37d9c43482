"""Blank and misfitting masks, even tones, sizes far from the others; and what the certificate says of them."""

import json
from pathlib import Path

import pytest
from PIL import Image

from components.domain.artifacts import CERTIFIED_FILE, SPLITS, read_certified, read_dataset
from components.domain.errors import InputError, RefusedError
from components.domain.recipe import Recipe
from components.ingest.ingest import ingest_source
from components.ingest.inspect import inspect_source
from components.ingest.layouts.layout import Found
from components.ingest.masks import mask_state

RECIPE = Recipe(name="test", task="ultrasound", backbone="convnet", image_size=32)


def write_mask(file: Path, level: int, side: int = 40) -> None:
    mask = Image.new("L", (side, side))
    mask.paste(level, (10, 10, 20, 20))
    mask.save(file)


@pytest.fixture
def busi(draw) -> Path:
    """Ten images a class with masks: those of `normal` are blank, and one each of benign is blank, too small, and broken."""
    root = draw(
        {f"{label}/{row}.png": 100 * place + row for place, label in enumerate(("benign", "malignant", "normal")) for row in range(10)}
    )
    for image in list(root.rglob("*.png")):
        write_mask(image.with_name(f"{image.stem}_mask.png"), 0 if image.parent.name == "normal" else 255)
    write_mask(root / "benign/3_mask.png", 0)
    write_mask(root / "benign/4_mask.png", 255, side=50)
    (root / "benign/5_mask.png").write_bytes(b"no image")
    return root


def test_blank_masks_belong_to_a_class_without_lesions_and_are_findings_elsewhere(busi: Path, tmp_path: Path) -> None:
    seen = inspect_source(str(busi), cache=tmp_path / "cache")
    assert seen.masks == 30
    assert seen.blank_masks == {"benign": 1, "normal": 10}
    assert seen.findings == [
        "1 of 10 masks of class benign mark nothing, such as benign/3_mask.png",
        "masks of 1 images of class benign cannot be read, such as benign/5_mask.png",
        "masks of 1 images of class benign are of another size than their image, such as benign/4_mask.png",
    ]


def test_several_masks_are_blank_only_if_all_are(busi: Path) -> None:
    write_mask(busi / "benign/3_mask_1.png", 255)
    masks = ("benign/3_mask.png", "benign/3_mask_1.png")
    found = Found(busi / "benign/3.png", "benign/3.png", "benign", masks=masks)
    assert mask_state(found.mask_files, width=40, height=40) == "lesion"
    assert mask_state(found.mask_files[:1], width=40, height=40) == "blank"
    assert mask_state([], width=40, height=40) == ""


def test_even_tones_and_sizes_far_from_the_others_are_findings(draw, tmp_path: Path) -> None:
    root = draw({f"{label}/{row}.png": 100 * place + row for place, label in enumerate("bm") for row in range(5)})
    Image.new("RGB", (40, 40), "white").save(root / "b/white.png")
    with Image.open(root / "b/1.png") as image:
        image.resize((160, 40)).save(root / "b/wide.png")
    seen = inspect_source(str(root), cache=tmp_path / "cache")
    assert "1 image shows one even tone and nothing else, such as b/white.png" in seen.findings
    assert "1 image is tiny or huge beside the others (median side 40 pixels), such as b/wide.png with 160 x 40" in seen.findings


def test_the_certificate_counts_them_and_lists_the_hash_and_group_of_every_image(busi: Path, tmp_path: Path) -> None:
    with Image.open(busi / "benign/1.png") as image:
        image.save(busi / "benign/1again.jpg", quality=90)
    output = tmp_path / "dataset"
    certificate = ingest_source(str(busi), output, recipe=RECIPE, cache=tmp_path / "cache")
    assert certificate.blank_masks == {"benign": 1, "normal": 10}
    assert certificate.near_duplicate_sizes == {"2": 1}
    assert (certificate.even_images, certificate.smallest, certificate.largest) == (0, [40, 40], [40, 40])
    dataset = read_dataset(output)
    assert sorted(read_certified(output)) == sorted(row for split in SPLITS for row in dataset.certified_rows(split))
    assert json.loads((output / "certificate.json").read_text())["dataset"] == certificate.dataset


def test_a_list_that_is_not_the_certified_one_is_refused(busi: Path, tmp_path: Path) -> None:
    ingest_source(str(busi), tmp_path / "one", recipe=RECIPE, cache=tmp_path / "cache")
    ingest_source(str(busi), tmp_path / "two", recipe=RECIPE.override({"split_seed": "1"}), cache=tmp_path / "cache")
    (tmp_path / "one" / CERTIFIED_FILE).write_bytes((tmp_path / "two" / CERTIFIED_FILE).read_bytes())
    with pytest.raises(RefusedError, match=r"certified\.parquet must list what was certified, but its digest differs"):
        read_certified(tmp_path / "one")
    (tmp_path / "one" / CERTIFIED_FILE).write_bytes(b"x")
    with pytest.raises(InputError, match=r"must hold a valid certified\.parquet"):
        read_certified(tmp_path / "one")
