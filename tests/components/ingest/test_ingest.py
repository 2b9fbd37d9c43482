from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from components.domain.artifacts import MANIFEST, SPLITS, read_dataset
from components.domain.certificate import Certificate
from components.domain.errors import InputError
from components.domain.recipe import Recipe
from components.ingest.ingest import ingest_source
from serving.imaging import decode, fit
from serving.measure import properties

RECIPE = Recipe(name="test", task="histology", backbone="convnet", image_size=32)
FILES: dict[str, int | bytes] = {
    f"{label}/{row}.png": 100 * place + row for place, label in enumerate(("benign", "malignant")) for row in range(12)
}
BUSI = Path(__file__).parents[4] / "shared" / "data" / "busi"


def ingest(source: Path | str, output: Path, recipe: Recipe = RECIPE) -> Certificate:
    return ingest_source(str(source), output, recipe=recipe, cache=output.parent / "cache")


def test_a_data_set_holds_every_picture_once_and_is_certified(draw, tmp_path: Path) -> None:
    source = draw(FILES | {"benign/again.png": 3, "benign/broken.png": b"no image", "notes.txt": b"x"})
    output = tmp_path / "dataset"
    certificate = ingest(source, output)
    dataset = read_dataset(output)
    dataset.require_certified(SPLITS)
    assert dataset.certificate == certificate
    assert dataset.classes == ("benign", "malignant")
    assert sorted(dataset.column("source")) == sorted(FILES)
    assert dataset.pixels.shape == (24, 32, 32, 3)
    for row in range(0, 24, 5):
        original = decode((source / dataset.column("source")[row]).read_bytes()).pixels
        assert np.array_equal(dataset.pixels[row], fit(original, dataset.spec))
        assert dataset.table.column("property_contrast")[row].as_py() == pytest.approx(properties(original)["contrast"])
    assert dataset.table.schema.names == MANIFEST.names
    assert [(each.source, each.reason) for each in certificate.excluded] == [
        ("benign/again.png", "same picture as benign/3.png"),
        ("benign/broken.png", "the bytes are no PNG, JPEG, TIFF, BMP, WEBP, DICOM image"),
    ]
    assert certificate.images == 24
    assert certificate.split_images == dict(Counter(dataset.column("split")))
    assert certificate.edges_across_splits == certificate.groups_across_splits == 0
    assert not certificate.leaking


def test_a_source_in_another_order_gives_the_same_certificate(draw, tmp_path: Path) -> None:
    first = ingest(draw(FILES), tmp_path / "one")
    copy = tmp_path / "copy"
    for name in reversed(FILES):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((tmp_path / "source" / name).read_bytes())
    assert ingest(copy, tmp_path / "two").digest == first.digest


def test_near_duplicates_and_conflicts_are_counted_and_stay_on_one_side(draw, tmp_path: Path) -> None:
    source = draw(FILES | {"benign/x.png": 999, "malignant/x.png": 999})
    for row in range(4):
        with Image.open(source / f"benign/{row}.png") as image:
            image.save(source / f"benign/{row}.jpg", quality=85)
    with Image.open(source / "benign/5.png") as image:
        image.save(source / "malignant/5.jpg", quality=85)
    certificate = ingest(source, tmp_path / "dataset")
    assert (certificate.near_duplicate_pairs, certificate.near_duplicate_groups, certificate.near_duplicate_images) == (5, 5, 10)
    assert certificate.label_conflicts == [["benign/x.png", "malignant/x.png"], ["benign/5.png", "malignant/5.jpg"]]
    assert certificate.images == 29
    assert certificate.edges_across_splits == 0
    assert 0 < certificate.random_split_leak < 1
    dataset = read_dataset(tmp_path / "dataset")
    split = dict(zip(dataset.column("source"), dataset.column("split"), strict=True))
    assert all(split[f"benign/{row}.png"] == split[f"benign/{row}.jpg"] for row in range(4))
    assert split["benign/5.png"] == split["malignant/5.jpg"]


def test_patients_of_idc_slides_stay_together(draw, tmp_path: Path) -> None:
    source = draw(
        {f"{slide}/{label}/{row}.png": 100 * slide + 10 * label + row for slide in range(8) for label in (0, 1) for row in range(3)}
    )
    assert ingest(source, tmp_path / "dataset").groups == 8
    dataset = read_dataset(tmp_path / "dataset")
    assert len(set(zip(dataset.column("group"), dataset.column("split"), strict=True))) == 8


def test_masks_stand_in_the_manifest_one_a_line(draw, tmp_path: Path) -> None:
    masks = {f"benign/0{tail}.png": 500 for tail in ("_mask", "_mask_1")}
    ingest(draw(FILES | masks), tmp_path / "dataset")
    dataset = read_dataset(tmp_path / "dataset")
    found = dict(zip(dataset.column("source"), dataset.column("mask"), strict=True))
    assert found["benign/0.png"] == "benign/0_mask.png\nbenign/0_mask_1.png"
    assert found["benign/1.png"] == ""
    assert len(found) == 24


def test_the_report_needs_no_network_and_shows_what_was_left_out(draw, tmp_path: Path) -> None:
    ingest(draw(FILES | {"benign/<b>.png": b"no image", "malignant/again.png": 0}), tmp_path / "dataset")
    page = (tmp_path / "dataset" / "report.html").read_text()
    assert "http" not in page
    assert "benign/&lt;b&gt;.png" in page
    assert "data:image/jpeg;base64," in page
    assert "Classes and splits" in page


@pytest.mark.parametrize(
    ("files", "recipe", "message"),
    [
        ({"readme.txt": b"x"}, RECIPE, r"a source must hold images .* holds 1 \.txt"),
        ({f"benign/{n}.png": n for n in range(5)}, RECIPE, "two or more classes, but .* holds only 'benign'; add a folder"),
        (
            {f"{label}/{n}.png": n for label in ("cat", "dog") for n in range(4)},
            RECIPE,
            r"positive class must be one of cat, dog, but the recipe names malignant, 1, M; add --set 'positive=\[\"dog\"\]'",
        ),
        (
            {f"benign/{n}.png": n for n in range(5)} | {"malignant/1.png": 11, "malignant/2.png": 12},
            RECIPE,
            "each class needs 3 groups .* but 'malignant' has 2; add images",
        ),
        ({"benign/1.png": b"x", "malignant/2.png": b"y"}, RECIPE, "must hold readable images, but none in .* is"),
        (
            {f"benign/{n}.png": n for n in range(5)} | {"malignant/1.png": b"x"},
            RECIPE,
            "two or more classes, but .* holds only 'benign'",
        ),
    ],
)
def test_a_source_that_makes_no_data_set_is_refused_in_one_line(draw, tmp_path: Path, files, recipe: Recipe, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ingest(draw(files), tmp_path / "out" / "dataset", recipe)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").glob("*dataset*")) == []


def test_too_little_room_on_the_disk_is_told_before_the_work(draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2**10))
    with pytest.raises(InputError, match=r"the pixels need 0\.0 GiB .* has 0\.0 GiB free; free some space or lower image_size"):
        ingest(draw(FILES), tmp_path / "dataset")


def test_an_empty_place_made_beforehand_is_used_and_an_older_data_set_replaced(draw, tmp_path: Path) -> None:
    output = tmp_path / "dataset"
    output.mkdir()
    left = tmp_path / ".dataset.partial"
    left.mkdir()
    (left / "pixels.npy").write_bytes(b"of a run that was killed")
    first = ingest(draw(FILES), output)
    second = ingest(draw(FILES | {"benign/new.png": 77}), output)
    assert (first.images, second.images) == (24, 25)
    assert read_dataset(output).certificate == second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "dataset", "source"]
    assert list((tmp_path / "cache" / "scans").iterdir()) == []


def test_a_folder_of_somebody_else_is_never_replaced(draw, tmp_path: Path) -> None:
    output = tmp_path / "dataset"
    output.mkdir()
    (output / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="a data set must go to a new or empty directory"):
        ingest(draw(FILES), output)
    assert (output / "thesis.tex").read_text() == "years of work"


def test_a_failure_keeps_the_older_data_set(draw, tmp_path: Path) -> None:
    output = tmp_path / "dataset"
    kept = ingest(draw(FILES), output)
    for name in list(FILES)[:11]:
        (tmp_path / "source" / name).unlink()
    with pytest.raises(InputError, match="'benign' has 1"):
        ingest(tmp_path / "source", output)
    assert read_dataset(output).certificate == kept
    assert not (tmp_path / ".dataset.partial").exists()


@pytest.mark.slow
@pytest.mark.skipif(not BUSI.exists(), reason="the BUSI images are not beside the repository (../shared/data/busi)")
def test_busi_shows_what_was_measured_on_it_and_crosses_nothing(tmp_path: Path) -> None:
    certificate = ingest(BUSI, tmp_path / "dataset")
    folder = "Dataset_BUSI_with_GT"
    assert [f"{folder}/benign/benign (433).png", f"{folder}/malignant/malignant (145).png"] in certificate.label_conflicts
    assert certificate.images == 622
    assert certificate.near_duplicate_pairs > 100
    assert 0.25 < certificate.random_split_leak < 0.45
    assert certificate.edges_across_splits == certificate.groups_across_splits == 0
    for split, share in (("validation", RECIPE.validation), ("test", RECIPE.test)):
        assert certificate.split_images[split] / certificate.images == pytest.approx(share, abs=0.01)
