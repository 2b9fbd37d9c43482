"""The training set: what training may see, and nothing of the test split."""

import json
import shutil

import numpy as np
import pytest

from components.augment.augment import augment_dataset
from components.domain.artifacts import read_dataset
from components.domain.errors import InputError, RefusedError


def test_no_test_image_is_in_it_and_every_other_one_is(tiny_dataset, tiny_training_set):
    source, made = read_dataset(tiny_dataset), read_dataset(tiny_training_set)
    expected = {each for each, split in zip(source.column("id"), source.column("split"), strict=True) if split != "test"}
    assert set(made.column("id")) == expected
    assert len(made.rows("test")) == 0


def test_pixels_stay_with_their_row(tiny_dataset, tiny_training_set):
    source, made = read_dataset(tiny_dataset), read_dataset(tiny_training_set)
    places = {name: row for row, name in enumerate(source.column("id"))}
    for row, name in enumerate(made.column("id")):
        np.testing.assert_array_equal(made.pixels[row], source.pixels[places[name]])


def test_the_policy_and_a_contact_sheet_lie_beside_it(tiny_training_set):
    assert json.loads((tiny_training_set / "policy.json").read_text())["flips"] == "both"
    assert (tiny_training_set / "contact_sheet.png").stat().st_size > 1000


def test_a_training_set_passes_its_certificate_and_a_changed_label_does_not(tiny_training_set, tmp_path):
    read_dataset(tiny_training_set).require_certified(("train", "validation"))
    copy = tmp_path / "copy"
    shutil.copytree(tiny_training_set, copy)
    text = (copy / "certificate.json").read_text()
    digest = json.loads(text)["splits"]["train"]
    (copy / "certificate.json").write_text(text.replace(digest, "sha256:" + "0" * 64))
    with pytest.raises(RefusedError, match="the train split must be the one that was certified"):
        read_dataset(copy).require_certified(("train", "validation"))


def test_a_certificate_with_an_edge_across_splits_refuses(tiny_dataset, tiny_recipe, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_dataset, copy)
    values = json.loads((copy / "certificate.json").read_text())
    (copy / "certificate.json").write_text(json.dumps(values | {"edges_across_splits": 1}))
    with pytest.raises(RefusedError, match="1 near-duplicate pairs"):
        augment_dataset(copy, tmp_path / "out", recipe=tiny_recipe)


def test_a_folder_that_is_no_data_set_is_named(tmp_path, tiny_recipe):
    with pytest.raises(InputError, match=r"must hold manifest.parquet and pixels.npy"):
        augment_dataset(tmp_path, tmp_path / "out", recipe=tiny_recipe)
