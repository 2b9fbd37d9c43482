"""The certificate is for exactly the images it was made for."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.domain.artifacts import MANIFEST_FILE, PIXELS_FILE, read_dataset
from components.domain.certificate import CERTIFICATE_FILE, Certificate, pixels_digest, rows_digest
from components.domain.errors import InputError, RefusedError

Tamper = Callable[[Path], None]


def one_pixel(directory: Path) -> None:
    pixels = np.load(directory / PIXELS_FILE, mmap_mode="r+")
    pixels[0, 3, 4, 1] ^= 1
    pixels.flush()


def two_pictures_exchanged(directory: Path) -> None:
    pixels = np.load(directory / PIXELS_FILE, mmap_mode="r+")
    pixels[[0, 1]] = pixels[[1, 0]]
    pixels.flush()


def cell(column: str, value: str) -> Tamper:
    def change(directory: Path) -> None:
        table = pq.read_table(directory / MANIFEST_FILE)
        values = [value, *table.column(column).to_pylist()[1:]]
        place = table.schema.get_field_index(column)
        pq.write_table(table.set_column(place, table.schema.field(place), pa.array(values)), directory / MANIFEST_FILE)

    return change


def one_image_taken_out(directory: Path) -> None:
    table, pixels = pq.read_table(directory / MANIFEST_FILE), np.load(directory / PIXELS_FILE)
    pq.write_table(table.slice(1), directory / MANIFEST_FILE)
    np.save(directory / PIXELS_FILE, pixels[1:])


def fact(name: str, value: object) -> Tamper:
    def change(directory: Path) -> None:
        values = json.loads((directory / CERTIFICATE_FILE).read_text())
        (directory / CERTIFICATE_FILE).write_text(json.dumps(values | {name: value}))

    return change


TAMPERED: list[tuple[str, Tamper, str]] = [
    ("one bit of one pixel", one_pixel, "the train split must be the one that was certified, but its pixels' digest differs; ingest"),
    ("two pictures exchanged", two_pictures_exchanged, "pixels' digest differs"),
    ("a label", cell("label", "benign"), "the train split must be the one that was certified, but its digest differs"),
    ("a group", cell("group", "g1"), "its digest differs"),
    ("an image moved into validation", cell("split", "validation"), "its digest differs"),
    ("an image taken out", one_image_taken_out, "its digest differs"),
    ("the pixels' digests left out", fact("pixels", {}), "pixels' digest differs"),
    ("a pair across splits", fact("edges_across_splits", 2), "nothing may cross splits, but 2 near-duplicate pairs and 0 groups do"),
    ("a patient across splits", fact("groups_across_splits", 1), "but 0 near-duplicate pairs and 1 groups do"),
]


@pytest.fixture
def tampered(tiny_training_set: Path, tmp_path: Path) -> Callable[[Tamper], Path]:
    def copy(change: Tamper) -> Path:
        shutil.copytree(tiny_training_set, tmp_path / "copy")
        change(tmp_path / "copy")
        return tmp_path / "copy"

    return copy


@pytest.mark.parametrize(("what", "change", "message"), TAMPERED, ids=[what for what, _, _ in TAMPERED])
def test_a_training_set_that_was_changed_is_refused(what: str, change: Tamper, message: str, tampered) -> None:
    with pytest.raises(RefusedError, match=message) as caught:
        read_dataset(tampered(change)).require_certified(("train", "validation"))
    assert caught.value.exit_code == 3


def test_a_certificate_that_hides_a_group_in_two_splits_is_found_out(tampered) -> None:
    def forge(directory: Path) -> None:
        table = pq.read_table(directory / MANIFEST_FILE)
        place = table.schema.get_field_index("group")
        pq.write_table(table.set_column(place, table.schema.field(place), pa.array(["p1"] * table.num_rows)), directory / MANIFEST_FILE)
        dataset = read_dataset(directory)
        fact("splits", {split: rows_digest(dataset.certified_rows(split)) for split in ("train", "validation")})(directory)

    with pytest.raises(RefusedError, match="a group must lie in one split, but p1 lies in train and validation; ingest the data again"):
        read_dataset(tampered(forge)).require_certified(("train", "validation"))


def test_what_crosses_splits_on_purpose_passes_because_it_is_marked(tampered) -> None:
    directory = tampered(fact("edges_across_splits", 2))
    fact("leaking", True)(directory)
    read_dataset(directory).require_certified(("train", "validation"))


@pytest.mark.parametrize("text", ["", "{}", '{"dataset": 1', "[]"])
def test_data_without_a_certificate_is_bad_input(text: str, tiny_training_set: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_training_set, tmp_path / "copy")
    (tmp_path / "copy" / CERTIFICATE_FILE).write_text(text)
    with pytest.raises(InputError, match=r"data must carry a valid certificate\.json, but .* is not one .*; ingest it again"):
        read_dataset(tmp_path / "copy")


def test_tune_and_train_refuse_pixels_that_were_not_certified(tampered, tiny_recipe, tmp_path: Path) -> None:
    from components.domain.study import write_best
    from components.domain.tracking import NoTracker
    from components.train.train import train_models
    from components.tune.orders import Orders
    from components.tune.tune import create
    from components.tune.worker import work

    directory = tampered(one_pixel)
    with pytest.raises(RefusedError, match="pixels' digest differs"):
        orders = Orders(directory, tiny_recipe, None, "s", f"sqlite:///{tmp_path}/optuna.db")
        create(orders)
        work(orders, NoTracker())
    write_best(tmp_path / "best", tiny_recipe)
    with pytest.raises(RefusedError, match="pixels' digest differs"):
        train_models(directory, tmp_path / "best", tmp_path / "out", weights=None, code="", commit="", tracker=NoTracker())
    assert not (tmp_path / "out").exists()


def test_digests_do_not_depend_on_the_order_of_images() -> None:
    rows = [("a", "b", "g", "train"), ("c", "m", "h", "train")]
    assert rows_digest(rows) == rows_digest(reversed(rows))
    pictures = [("a", np.zeros((2, 2, 3), np.uint8)), ("b", np.ones((2, 2, 3), np.uint8))]
    assert pixels_digest(pictures) == pixels_digest(reversed(pictures))
    assert pixels_digest(pictures) != pixels_digest([("b", pictures[0][1]), ("a", pictures[1][1])])


def test_what_is_written_is_read_again(tiny_training_set: Path, tmp_path: Path) -> None:
    certificate = Certificate.read(tiny_training_set)
    certificate.write(tmp_path)
    assert Certificate.read(tmp_path) == certificate
    assert Certificate.read(tmp_path).digest == certificate.digest
