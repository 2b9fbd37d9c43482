import json
from pathlib import Path

import pytest
from PIL import Image

from components.domain.errors import InputError
from components.ingest.inspect import Inspection, inspect_source
from components.ingest.report import render

CLEAN: dict[str, int | bytes] = {f"{label}/{row}.png": 100 * place + row for place, label in enumerate("bm") for row in range(4)}
BREAKHIS = Path(__file__).parents[4] / "shared" / "data" / "breakhis-samples"


def inspect(source: Path) -> Inspection:
    return inspect_source(str(source), cache=source.parent / "cache")


def test_a_clean_source_has_no_findings(draw) -> None:
    seen = inspect(draw(CLEAN | {"notes.txt": b"x"}))
    assert seen.findings == []
    assert (seen.images, seen.kept, seen.groups, seen.patients) == (8, 8, 8, 0)
    assert seen.classes == {"b": 4, "m": 4}
    assert seen.sizes == {"40x40": 8}
    assert seen.modes == {"RGB": 8}
    assert [each.source for each in seen.skipped] == ["notes.txt"]
    assert seen.random_split_leak == 0.0


def test_everything_that_misleads_is_found_and_named(draw) -> None:
    root = draw(CLEAN | {"b/bad.png": b"x", "b/copy.png": 1, "b/both.png": 9, "m/both.png": 9})
    with Image.open(root / "b/2.png") as image:
        image.save(root / "m/near.jpg", quality=90)
    seen = inspect(root)
    assert seen.findings[:-1] == [
        "1 image file cannot be used, such as b/bad.png: the bytes are no PNG, JPEG, TIFF, BMP, WEBP, DICOM image",
        "1 image file with exactly the pixels of another, such as b/1.png = b/copy.png",
        "one picture under 2 labels: b/both.png = m/both.png",
        "1 near-duplicate pair in 1 group cover 2 of 9 images (22.2%)",
        "of these pairs, 1 under two labels, such as b/2.png and m/near.jpg",
    ]
    assert seen.findings[-1].startswith("a random split by image would show ")
    assert [[each.source for each in group] for group in seen.near_duplicate_groups] == [["b/2.png", "m/near.jpg"]]
    assert seen.exact_duplicates == [["b/1.png", "b/copy.png"]]


def test_one_class_and_a_class_too_small_are_findings_not_errors(draw, tmp_path: Path) -> None:
    seen = inspect(draw({"b/1.png": 1, "b/2.png": 2}))
    assert seen.findings == [
        "1 class is there, a classifier needs two or more (b)",
        "class b lies in 2 groups, too few for train, validation and test",
    ]


def test_no_readable_image_is_a_finding(draw) -> None:
    seen = inspect(draw({"b/1.png": b"x", "m/1.png": b"y"}))
    assert seen.kept == 0
    assert seen.findings[0] == "0 class is there, a classifier needs two or more (no readable image)"


def test_a_size_that_gives_the_class_away_is_found(draw) -> None:
    root = draw({f"{label}/{row}.png": 100 * place + row for place, label in enumerate("bm") for row in range(12)})
    for row in range(12):
        with Image.open(root / f"m/{row}.png") as image:
            image.resize((44, 40)).save(root / f"m/{row}.png")
    assert "the image size alone tells the class of 100% of the images (always the most frequent class: 50%)" in inspect(root).findings


def test_the_inspection_is_plain_json(draw) -> None:
    seen = inspect(draw(CLEAN))
    assert json.loads(json.dumps(seen.to_dict()))["classes"] == {"b": 4, "m": 4}


def test_the_page_shows_look_alikes_without_a_network(draw) -> None:
    root = draw(CLEAN)
    with Image.open(root / "b/2.png") as image:
        image.save(root / "m/near.jpg", quality=90)
    page = render(inspect(root))
    assert page.count("data:image/jpeg;base64,") == 2
    assert 'class="group crossing"' in page
    assert "http" not in page


def test_a_source_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*nowhere"):
        inspect(tmp_path / "nowhere")


@pytest.mark.skipif(not BREAKHIS.exists(), reason="the BreakHis images are not beside the repository (../shared/data/breakhis-samples)")
def test_breakhis_names_give_classes_and_patients() -> None:
    seen = inspect(BREAKHIS)
    assert (seen.layout, seen.images, seen.patients, seen.classes) == ("BreakHis", 20, 15, {"benign": 12, "malignant": 8})
    assert seen.near_duplicate_pairs == 0
