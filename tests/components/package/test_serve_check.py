"""The built Bento, served for real, against a report of the same bundle."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from components.domain.artifacts import MANIFEST, held_out_file, pixel_writer, write_manifest
from components.domain.certificate import Certificate
from components.domain.errors import InputError, RefusedError
from components.domain.predictions import SCHEMA
from components.domain.report import Report
from components.serve_check.check import check_service
from serving.contract import ImageSpec, tree_digest
from serving.prediction_log import read_log

pytestmark = pytest.mark.slow
IMAGES = 10


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    from tiny_bundle import SIDE, references

    noise = np.random.default_rng(0).integers(-9, 9, (IMAGES, SIDE, SIDE, 3))
    return np.clip(np.stack(references(IMAGES, seed=2)).astype(int) + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def dataset(pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dataset")
    spec = ImageSpec(height=32, width=32)
    with pixel_writer(directory, IMAGES, spec) as array:
        array[:] = pixels
    for index in range(8):
        kept = held_out_file(directory, f"id{index}")
        kept.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels[index]).save(kept)
    splits = ["test"] * 8 + ["train", "validation"]
    text = {name: [f"{name}{index}" for index in range(IMAGES)] for name in ("id", "source", "group", "mode", "mask")}
    numbers = {
        "width": [32] * IMAGES,
        "height": [32] * IMAGES,
        "hash": [b""] * IMAGES,
        "slices": ["{}"] * IMAGES,
        "augmented": [False] * IMAGES,
    }
    given = {**text, **numbers, "label": ["benign", "malignant"] * 5, "split": splits}
    write_manifest(directory, {name: given.get(name, [0.0] * IMAGES) for name in MANIFEST.names}, spec)
    digest = "sha256:" + "0" * 64
    Certificate(
        dataset=digest, splits={}, images=IMAGES, groups=IMAGES, classes={"benign": 5, "malignant": 5}, split_images={}, method="",
        near_duplicate_pairs=0, near_duplicate_groups=0, near_duplicate_images=0, edges_across_splits=0, groups_across_splits=0,
        label_conflicts=[], random_split_leak=0.0,
    ).write(directory)  # fmt: skip
    return directory


@pytest.fixture
def report(pixels: np.ndarray, tiny: Path, tmp_path: Path):
    """Write a report worked out by hand; `shift` moves every probability."""
    from tiny_bundle import THRESHOLD, expected

    def write(*, shift: float = 0.0, bundle: str = "", images: int = 8) -> Path:
        directory = tmp_path / "report"
        directory.mkdir()
        rows = []
        for index in range(images):
            scores = expected(pixels[index]) + np.array([-shift, shift])
            row = {"id": f"id{index}", "group": "g", "label": "benign", "split": "test", "seed": 0, "chosen": True, "verdict": "accept"}
            rows.append({**row, "predicted_class": "malignant" if scores[1] >= THRESHOLD else "benign", "probabilities": scores.tolist()})
            rows.append({**rows[-1], "seed": 1, "chosen": False, "probabilities": [0.5, 0.5]})
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), directory / "predictions.parquet")
        blank = Report("", "", "", "", "tiny", ["benign", "malignant"], "malignant", images, images, {}, {}, {}, False)
        replace(blank, bundle=bundle or tree_digest(tiny)).write(directory)
        return directory

    return write


def test_the_bento_answers_as_the_evaluation_did(bento: Path, dataset: Path, report, tmp_path: Path, tiny: Path):
    check = check_service(bento, dataset, report(), images=6, output=tmp_path / "check", predictions=tmp_path / "log")
    assert check.agrees
    assert (check.images, check.differing_classes, check.bundle) == (6, 0, tree_digest(tiny))
    assert check.largest_difference < 1e-4
    assert 0 < check.p50_ms <= check.p95_ms
    assert json.loads((tmp_path / "check" / "serve_check.json").read_text())["images"] == 6
    window = read_log(tmp_path / "log")
    assert window.table.num_rows == 6
    assert set(window.table["bundle"].to_pylist()) == {tree_digest(tiny)}


def test_a_service_that_scores_otherwise_is_refused_and_the_numbers_are_kept(bento: Path, dataset: Path, report, tmp_path: Path):
    with pytest.raises(RefusedError, match=r"differs by 0\.01"):
        check_service(bento, dataset, report(shift=0.01), images=3, output=tmp_path / "check", predictions=tmp_path / "log")
    assert json.loads((tmp_path / "check" / "serve_check.json").read_text())["largest_difference"] == pytest.approx(0.01, abs=1e-4)


def test_a_report_of_another_bundle_is_refused(bento: Path, dataset: Path, report, tmp_path: Path):
    with pytest.raises(InputError, match="evaluate and package one model"):
        check_service(bento, dataset, report(bundle="sha256:" + "1" * 64), images=1, output=tmp_path, predictions=tmp_path / "log")


def test_a_directory_that_serves_nothing_is_told(dataset: Path, report, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="package it again"):
        check_service(tmp_path / "empty", dataset, report(), images=1, output=tmp_path, predictions=tmp_path / "log")
