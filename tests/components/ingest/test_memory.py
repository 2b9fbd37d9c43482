"""What side an image had is kept from one data set to the next."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from components.domain.artifacts import read_dataset
from components.domain.certificate import Certificate
from components.domain.errors import InputError
from components.domain.recipe import Recipe
from components.ingest.ingest import ingest_source
from components.ingest.memory import Memory

RECIPE = Recipe(name="test", task="histology", backbone="convnet", image_size=32)
FILES: dict[str, int | bytes] = {
    f"{label}/{row}.png": 100 * place + row for place, label in enumerate(("benign", "malignant")) for row in range(15)
}


def ingest(source: Path, output: Path, recipe: Recipe = RECIPE) -> Certificate:
    return ingest_source(str(source), output, recipe=recipe, cache=output.parent / "cache", memory=output.parent / "splits")


def sides(dataset: Path) -> dict[str, str]:
    read = read_dataset(dataset)
    return dict(zip(read.column("source"), read.column("split"), strict=True))


def test_what_is_remembered_is_recalled_and_added_to(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "splits")
    assert memory.recall("p", ["a"]) == [""]
    memory.remember("p", ["a", "b"], ["train", "test"])
    memory.remember("p", ["b", "c"], ["train", "validation"])
    assert memory.recall("p", ["c", "x", "b", "a"]) == ["validation", "", "train", "train"]
    assert memory.recall("another", ["a"]) == [""]
    Memory(None).remember("p", ["a"], ["train"])
    assert Memory(None).recall("p", ["a"]) == [""]


def test_two_runs_at_a_time_lose_nothing(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda row: memory.remember("p", [str(row)], ["train"]), range(20)))
    assert memory.recall("p", [str(row) for row in range(20)]) == ["train"] * 20


def test_a_damaged_memory_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match=r"p\.parquet is not .*; put back a copy of it, or remove it to split anew"):
        Memory(tmp_path).recall("p", ["a"])


def test_images_added_to_a_source_move_none(draw, tmp_path: Path) -> None:
    ingest(draw(FILES), tmp_path / "dataset")
    first = sides(tmp_path / "dataset")
    more = {f"{label}/new{row}.png": 1000 + 100 * place + row for place, label in enumerate(("benign", "malignant")) for row in range(9)}
    certificate = ingest(draw(more), tmp_path / "dataset")
    after = sides(tmp_path / "dataset")
    assert {name: after[name] for name in first} == first
    assert len(after) == 48
    assert certificate.moved == 0
    assert certificate.split_images == {"train": 30, "validation": 8, "test": 10}


def test_an_image_that_connects_two_sides_moves_the_held_out_one_and_says_so(
    draw, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = {f"benign/p{row}_1.png": row for row in range(12)} | {f"malignant/p{100 + row}_1.png": 100 + row for row in range(12)}
    ingest(draw(known), tmp_path / "dataset")
    first = sides(tmp_path / "dataset")
    trained = next(name for name, split in first.items() if split == "train" and name.startswith("benign"))
    tested = next(name for name, split in first.items() if split == "test" and name.startswith("benign"))
    with Image.open(tmp_path / "source" / trained) as image:
        image.save(tmp_path / "source" / tested.replace("_1.png", "_2.jpg"), quality=90)
    with caplog.at_level(logging.WARNING, "components"):
        certificate = ingest(tmp_path / "source", tmp_path / "dataset")
    after = sides(tmp_path / "dataset")
    assert {name for name in first if after[name] != first[name]} == {tested}
    assert after[tested] == after[trained] == "train"
    assert certificate.moved == 1
    assert certificate.groups_across_splits == certificate.edges_across_splits == 0
    assert "1 images moved from test to train: a new image connects their group" in caplog.text


def test_k_runs_with_folds_test_every_image_once(draw, tmp_path: Path) -> None:
    source = draw(FILES)
    tested: list[str] = []
    for fold in range(3):
        recipe = RECIPE.override({"folds": "3", "fold": str(fold)})
        certificate = ingest(source, tmp_path / str(fold), recipe)
        assert certificate.split_images == {"train": 16, "validation": 4, "test": 10}
        tested += [name for name, split in sides(tmp_path / str(fold)).items() if split == "test"]
    assert sorted(tested) == sorted(FILES)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": "1"}, r"folds must be 0 \(none\) or lie in \[2, 20\], but got 1"),
        ({"folds": "5", "fold": "5"}, r"fold must lie in \[0, 4\], but got 5"),
        ({"fold": "1"}, r"fold must lie in \[0, 0\], but got 1"),
    ],
)
def test_folds_out_of_range_are_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RECIPE.override(settings)
