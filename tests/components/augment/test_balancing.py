"""Copies that balance the classes: of train images alone, as many as asked for, the same for the same seed, and certified."""

import shutil
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.augment.augment import augment_dataset
from components.augment.balance import plan_copies
from components.domain.artifacts import MANIFEST_FILE, PIXELS_FILE, read_dataset
from components.domain.errors import RefusedError
from components.learning.phases import Examples

TARGETS = np.array([0] * 10 + [1] * 4 + [2] * 3)


@pytest.mark.parametrize(
    ("to", "expected"),
    [("max", {1: 6, 2: 7}), ("12", {0: 2, 1: 8, 2: 9}), ("4", {2: 1}), ("0", {})],
)
def test_each_class_is_copied_up_to_its_target_and_none_is_cut(to, expected):
    assert Counter(TARGETS[plan_copies(TARGETS, to=to, seed=0)].tolist()) == expected


def test_the_images_of_a_class_are_copied_equally_often_give_or_take_one():
    times = Counter(plan_copies(TARGETS, to="24", seed=0).tolist())
    assert {times[row] for row in range(10, 14)} == {5}  # 20 copies of 4 images
    assert {times[row] for row in range(10)} <= {1, 2}  # 14 copies of 10 images


def test_chance_chooses_by_the_seed():
    assert plan_copies(TARGETS, to="14", seed=1).tolist() == plan_copies(TARGETS, to="14", seed=1).tolist()
    assert plan_copies(TARGETS, to="14", seed=1).tolist() != plan_copies(TARGETS, to="14", seed=2).tolist()


@pytest.fixture(scope="module")
def balanced(tiny_dataset, tiny_recipe, tmp_path_factory):
    output = tmp_path_factory.mktemp("balanced") / "training_set"
    augment_dataset(tiny_dataset, output, recipe=tiny_recipe.override({"balance_to": "40"}))
    return output


def test_copies_stand_after_the_originals_which_stay_as_they_are(tiny_training_set, balanced):
    plain, made = read_dataset(tiny_training_set), read_dataset(balanced)
    count = plain.table.num_rows
    assert made.table.slice(0, count).equals(plain.table)
    np.testing.assert_array_equal(made.pixels[:count], plain.pixels)
    assert made.table.column("augmented").to_pylist() == [False] * count + [True] * (made.table.num_rows - count)
    assert Counter(np.array(made.column("label"))[made.rows("train")].tolist()) == {"benign": 40, "malignant": 40}


def test_a_copy_belongs_to_its_image_and_shows_something_else(tiny_training_set, balanced):
    plain, made = read_dataset(tiny_training_set), read_dataset(balanced)
    places = {name: row for row, name in enumerate(plain.column("source"))}
    train_groups = {plain.column("group")[row] for row in plain.rows("train")}
    assert len(set(made.column("id"))) == made.table.num_rows
    for row in range(plain.table.num_rows, made.table.num_rows):
        image = places[made.column("source")[row]]
        assert [made.column(name)[row] for name in ("label", "group", "split")] == [
            plain.column(name)[image] for name in ("label", "group", "split")
        ]
        assert made.column("group")[row] in train_groups
        assert not np.array_equal(made.pixels[row], plain.pixels[image])
        assert len(made.column("id")[row]) == 64


def test_equal_seeds_make_equal_copies_and_another_seed_others(tiny_dataset, tiny_recipe, balanced, tmp_path):
    for name, seed in (("same", "0"), ("other", "1")):
        augment_dataset(tiny_dataset, tmp_path / name, recipe=tiny_recipe.override({"balance_to": "40", "split_seed": seed}))
    made, same, other = (read_dataset(path) for path in (balanced, tmp_path / "same", tmp_path / "other"))
    np.testing.assert_array_equal(made.pixels, same.pixels)
    assert made.table.equals(same.table)
    assert not np.array_equal(made.pixels, other.pixels)


def test_training_sees_the_copies_and_validation_does_not(balanced, tiny_recipe):
    dataset = read_dataset(balanced)
    examples = Examples.of(dataset, tiny_recipe)
    assert np.bincount(examples.train_targets).tolist() == [40, 40]
    assert len(examples.validation) == 12
    assert not any(dataset.table.column("augmented")[row].as_py() for row in examples.validation.tolist())


def test_a_copy_whose_pixels_were_changed_is_refused(balanced, tiny_recipe, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(balanced, copy)
    read_dataset(copy).require_certified(("train", "validation"))
    pixels = np.load(copy / PIXELS_FILE, mmap_mode="r+")
    pixels[-1, 0, 0, 0] ^= 1
    pixels.flush()
    with pytest.raises(RefusedError, match="the copies of train images must be those that were made, but their digest differs"):
        Examples.of(read_dataset(copy), tiny_recipe)


def test_a_copy_that_was_taken_away_is_missed(balanced, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(balanced, copy)
    table = pq.read_table(copy / MANIFEST_FILE)
    pq.write_table(table.slice(0, table.num_rows - 1), copy / MANIFEST_FILE)
    np.save(copy / PIXELS_FILE, np.load(copy / PIXELS_FILE)[:-1])
    with pytest.raises(RefusedError, match="the copies of train images must be those that were made"):
        read_dataset(copy).require_certified(("train", "validation"))


@pytest.mark.parametrize(
    ("column", "value"), [("split", "validation"), ("group", "g999"), ("label", "benign"), ("source", "malignant/1000.png")]
)
def test_a_copy_that_is_of_no_train_image_is_refused(balanced, tmp_path, column, value):
    copy = tmp_path / "copy"
    shutil.copytree(balanced, copy)
    table = pq.read_table(copy / MANIFEST_FILE)
    row = next(
        row for row in range(table.num_rows) if table.column("augmented")[row].as_py() and table.column("label")[row].as_py() != value
    )
    values = table.column(column).to_pylist()
    values[row] = value
    place = table.schema.get_field_index(column)
    pq.write_table(table.set_column(place, table.schema.field(place), pa.array(values)), copy / MANIFEST_FILE)
    with pytest.raises(RefusedError, match="a copy must be of an image of the train split, but 1 are not"):
        read_dataset(copy).require_certified(("train", "validation"))
