from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from components.domain.artifacts import SPLITS, read_dataset
from components.domain.errors import InputError, RefusedError
from components.domain.recipe import Recipe
from components.ingest.given import given_leaks, given_splits
from components.ingest.ingest import ingest_source
from components.ingest.inspect import inspect_source
from components.ingest.layouts import list_images
from components.ingest.memory import Memory
from components.ingest.survey import survey

RECIPE = Recipe(name="test", task="histology", backbone="convnet", image_size=32)
NAMES = {"train": "train", "val": "validation", "test": "test"}


def folders(*names: str, each: int = 6) -> dict[str, int | bytes]:
    """Different pictures of both classes in every folder."""
    return {
        f"{name}/{label}/{row}.png": 1000 * place + 100 * other + row
        for place, name in enumerate(names)
        for other, label in enumerate(("benign", "malignant"))
        for row in range(each)
    }


def splits(source: Path, output: Path, recipe: Recipe = RECIPE) -> dict[str, str]:
    ingest_source(str(source), output, recipe=recipe, cache=output.parent / "cache")
    dataset = read_dataset(output)
    dataset.require_certified(SPLITS)
    return dict(zip(dataset.column("source"), dataset.column("split"), strict=True))


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "valid", "Testing"), ("x/train", "x/validation", "x/test")])
def test_given_folders_are_kept_as_they_are(draw, tmp_path: Path, names: tuple[str, ...]) -> None:
    found = splits(draw(folders(*names)), tmp_path / "dataset")
    place = dict(zip(names, SPLITS, strict=True))
    assert found == {name: place[name.rsplit("/", 2)[0]] for name in folders(*names)}


def test_folders_of_a_split_within_each_class_are_given_too_and_no_patients(draw, tmp_path: Path) -> None:
    files = {f"{name.split('/')[1]}/{name.split('/')[0]}/{name.split('/')[2]}": seed for name, seed in folders(*NAMES).items()}
    root = draw(files)
    assert list_images(root).layout == "folder per class"
    assert splits(root, tmp_path / "dataset") == {name: NAMES[name.split("/")[1]] for name in files}


def test_a_missing_validation_folder_is_taken_out_of_train_alone(draw, tmp_path: Path) -> None:
    found = splits(draw(folders("train", "test", each=20)), tmp_path / "dataset")
    assert all(split == "test" for name, split in found.items() if name.startswith("test/"))
    train = Counter((name.split("/")[1], split) for name, split in found.items() if name.startswith("train/"))
    assert train == {("benign", "train"): 14, ("benign", "validation"): 6, ("malignant", "train"): 14, ("malignant", "validation"): 6}


def test_what_was_taken_out_of_train_stays_out_when_images_are_added(draw, tmp_path: Path) -> None:
    def validation(files: dict[str, int | bytes]) -> set[str]:
        ingest_source(str(draw(files)), tmp_path / "dataset", recipe=RECIPE, cache=tmp_path / "cache", memory=tmp_path / "memory")
        dataset = read_dataset(tmp_path / "dataset")
        return {name for name, split in zip(dataset.column("source"), dataset.column("split"), strict=True) if split == "validation"}

    few = folders("train", "test", each=10)
    first = validation(few)
    later = validation(
        few
        | {
            f"train/{label}/new{row}.png": 5000 + 100 * place + row
            for place, label in enumerate(("benign", "malignant"))
            for row in range(30)
        }
    )
    assert later & set(few) == first
    assert len(later) > len(first)


def test_folds_and_a_given_split_exclude_each_other(draw, tmp_path: Path) -> None:
    recipe = RECIPE.override({"folds": "3"})
    with pytest.raises(
        InputError, match="folds divide everything anew, but the source comes with train, validation, test; add --set given_s"
    ):
        splits(draw(folders(*NAMES)), tmp_path / "dataset", recipe)


@pytest.mark.parametrize("by_recipe", [False, True])
def test_a_leaking_split_that_is_asked_for_is_certified_as_leaking(draw, tmp_path: Path, by_recipe: bool) -> None:
    root, recipe = leaking(draw), RECIPE.override({"leaks": str(by_recipe).lower()})
    certificate = ingest_source(str(root), tmp_path / "dataset", recipe=recipe, cache=tmp_path, allow_leakage=not by_recipe)
    assert (certificate.leaking, certificate.edges_across_splits) == (True, 1)
    assert set(read_dataset(tmp_path / "dataset").column("split")) == set(SPLITS)


def test_a_missing_test_folder_is_taken_out_of_train_alone(draw, tmp_path: Path) -> None:
    found = splits(draw(folders("train", "val", each=20)), tmp_path / "dataset")
    assert Counter(split for name, split in found.items() if name.startswith("train/")) == {"train": 24, "test": 16}
    assert {split for name, split in found.items() if name.startswith("val/")} == {"validation"}


def test_a_single_folder_named_train_is_no_given_split(draw, tmp_path: Path) -> None:
    assert set(splits(draw(folders("train", each=12)), tmp_path / "dataset").values()) == set(SPLITS)


def test_an_image_beside_the_given_folders_is_listed_and_no_class(draw) -> None:
    listing = list_images(draw(folders(*NAMES) | {"more/benign/x.png": 7, "y.png": 8}))
    assert {each.label for each in listing.images} == {"benign", "malignant"}
    assert [each.source for each in listing.misfits] == ["more/benign/x.png", "y.png"]


def leaking(draw) -> Path:
    """Folders that share an equal picture, and one that looks like another."""
    root = draw(folders(*NAMES) | {"test/benign/copy.png": 1})
    with Image.open(root / "train/malignant/2.png") as image:
        image.save(root / "val/malignant/near.jpg", quality=90)
    return root


def test_folders_that_share_pictures_are_refused_with_counts_pairs_and_remedies(
    draw, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = leaking(draw)
    with pytest.raises(RefusedError) as caught, caplog.at_level("WARNING"):
        splits(root, tmp_path / "dataset")
    assert [each.getMessage() for each in caplog.records if "two sides" in each.getMessage()] == [
        "on two sides: test/benign/copy.png and train/benign/1.png",
        "on two sides: train/malignant/2.png and val/malignant/near.jpg",
    ]
    assert str(caught.value) == (
        "the given train, validation, test folders must share nothing, but 1 equal picture and 1 near-duplicate pair lie in two of them, "
        "such as test/benign/copy.png and train/benign/1.png; split anew with --set given_split=false, "
        "or add --allow-leakage to reproduce a published figure"
    )
    assert not (tmp_path / "dataset").exists()


def test_a_patient_on_two_sides_is_a_leak(draw) -> None:
    root = draw({f"{name}/{label}/p{number}_1.png": seed for seed, (name, label, number) in enumerate(
        [("train", "benign", 1), ("train", "malignant", 2), ("test", "benign", 3), ("test", "malignant", 2)])})  # fmt: skip
    found = given_leaks(survey(list_images(root)))
    assert str(found) == "1 patient or slide lies in two of them, such as test/malignant/p2_1.png and train/malignant/p2_1.png"


def test_a_leaking_split_can_be_made_anew(draw, tmp_path: Path) -> None:
    recipe = RECIPE.override({"given_split": "false"})
    found = splits(leaking(draw), tmp_path / "dataset", recipe)
    assert found["train/malignant/2.png"] == found["val/malignant/near.jpg"]


def test_a_leaking_split_is_kept_where_it_is_asked_for(draw) -> None:
    found = survey(list_images(leaking(draw)))
    groups, ids = ([values[row] for row in found.kept] for values in (found.groups, [image.id for image in found.images]))
    kept = given_splits(found, groups, ids, recipe=RECIPE, memory=Memory(), leak=True)
    assert kept is not None
    assert kept.splits == [found.images[row].found.split for row in found.kept]


def test_a_leaking_split_is_a_finding_and_a_sound_one_is_shown(draw) -> None:
    seen = inspect_source(str(draw(folders(*NAMES))), cache=Path("unused"))
    assert (seen.given_splits, seen.findings) == ({"train": 12, "validation": 12, "test": 12}, [])
    findings = inspect_source(str(leaking(draw)), cache=Path("unused")).findings
    assert findings[-1].startswith("the given train, validation, test folders share something: 1 equal picture and 1 near-duplicate pair")


def test_a_class_that_a_given_folder_lacks_is_refused(draw, tmp_path: Path) -> None:
    files = {name: seed for name, seed in folders(*NAMES).items() if not name.startswith("val/malignant")}
    with pytest.raises(InputError, match="the given validation has no 'malignant'; add images of it or --set given_split=false"):
        splits(draw(files), tmp_path / "dataset")
