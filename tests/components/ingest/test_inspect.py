import json
from pathlib import Path

import pytest
from PIL import Image

from components.domain.errors import InputError
from components.ingest.inspect import Inspection, inspect_source
from components.ingest.report import render
from components.ingest.tallies import Tally, patient_leak

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


def breakhis(draw) -> Path:
    """Two patients at two magnifications each, a third at one: three images at 40, two at 100."""
    names = ("B_A-14-1-40-001", "B_A-14-1-100-001", "M_DC-14-2-40-001", "M_DC-14-2-100-001", "M_LC-14-3-40-001")
    return draw({f"SOB_{name}.png": seed for seed, name in enumerate(names)})


def test_patients_and_slices_are_counted_by_value(draw) -> None:
    seen = inspect(breakhis(draw))
    assert seen.patient_images == {"14-1": 2, "14-2": 2, "14-3": 1}
    assert list(seen.slices) == ["magnification", "subtype"]
    assert list(seen.slices["magnification"]) == ["40", "100"]
    assert seen.slices["magnification"]["40"] == Tally(images=3, groups=3, classes={"benign": 1, "malignant": 2})
    assert seen.slices["magnification"]["100"] == Tally(images=2, groups=2, classes={"benign": 1, "malignant": 1})
    assert {value: each.images for value, each in seen.slices["subtype"].items()} == {"A": 2, "DC": 2, "LC": 1}
    assert seen.random_split_patients == pytest.approx(4 / 5)  # one image of five is drawn: four have a sibling that trains
    assert json.loads(json.dumps(seen.to_dict()))["slices"]["subtype"]["LC"] == {"images": 1, "groups": 1, "classes": {"malignant": 1}}


def test_the_page_counts_slices_and_patients(draw) -> None:
    page = render(inspect(breakhis(draw)))
    for part in ("<h2>By magnification</h2>", "<h2>By subtype</h2>", "<h2>Patients or slides</h2>", "<td>100</td><td class=number>2</td>"):
        assert part in page


def test_a_source_that_knows_neither_shows_neither(draw) -> None:
    seen = inspect(draw(CLEAN))
    assert (seen.slices, seen.patient_images, seen.random_split_patients) == ({}, {}, 0.0)
    assert "<h2>By " not in render(seen)
    assert "Patients or slides</h2>" not in render(seen)


def test_a_site_that_gives_the_class_away_is_found(draw) -> None:
    rows = [f"{label}/{row}.png,{label},{'north' if label == 'b' else 'south'}" for label in "bm" for row in range(12)]
    files = {f"{label}/{row}.png": 100 * place + row for place, label in enumerate("bm") for row in range(12)}
    seen = inspect(draw(files | {"manifest.csv": "\n".join(["path,label,site", *rows]).encode()}))
    assert "the site alone tells the class of 100% of the images (always the most frequent class: 50%)" in seen.findings
    assert seen.slices["site"]["north"] == Tally(images=12, groups=12, classes={"b": 12})


@pytest.mark.parametrize(
    ("patients", "images", "share", "expected"),
    [
        ({}, 10, 0.2, 0.0),
        ({"a": 10}, 10, 0.2, 1.0),
        ({"a": 2, "b": 1, "c": 1}, 4, 0.5, 2 / 4 * 2 / 3),
        ({"a": 3}, 4, 0.5, 3 / 4),  # three cannot fit into a test of two
        ({"a": 2}, 2, 0.1, 0.0),  # nothing is drawn
    ],
)
def test_what_a_random_split_shows_of_test_patients(patients: dict[str, int], images: int, share: float, expected: float) -> None:
    assert patient_leak(patients, images, share=share) == pytest.approx(expected)


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
    assert {value: each.images for value, each in seen.slices["magnification"].items()} == {"40": 9, "100": 1, "200": 1, "400": 9}
    assert seen.slices["subtype"]["PC"] == Tally(images=3, groups=2, classes={"malignant": 3})
