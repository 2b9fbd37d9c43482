"""A data set of plain colours, and candidates of the tiny bundle that answers by colour: every score is known."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from components.domain.artifacts import MANIFEST, pixel_writer, write_manifest
from components.domain.candidates import Candidates
from components.domain.certificate import Certificate, pixels_digest, rows_digest
from components.domain.report import Report
from serving.contract import ImageSpec


@pytest.fixture(scope="session")
def bundles() -> ModuleType:
    """The tiny bundle that the tests of serving use."""
    spec = importlib.util.spec_from_file_location("tiny_bundle_of_serving", Path(__file__).parents[2] / "serving" / "tiny_bundle.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SPEC = ImageSpec(height=32, width=32)
TEST_REDS = {"malignant": [250, 200, 180, 150, 90, 230, 210, 160], "benign": [10, 40, 70, 20, 140, 30, 60, 50]}
"""Red of the test images; green is 255 - red. Of the malignant ones the 90 is missed; of the benign ones the 140 is a false alarm."""


def write_dataset(directory: Path, bundles: ModuleType, *, leaking: bool = False, seed: int = 0) -> Path:
    """Two images a patient: eight patients in the test split, four in each other split."""
    directory.mkdir(parents=True)
    rows, reds = [], []
    for split in ("train", "validation", "test"):
        for label in ("benign", "malignant"):
            drawn = TEST_REDS[label] if split == "test" else [40 if label == "benign" else 200] * 4
            for place, red in enumerate(drawn):
                rows.append((f"{split}-{label}-{place:02}-{seed}", label, f"{split}-{label}-{place // 2}", split))
                reds.append(red)
    columns = {name: [row[place] for row in rows] for place, name in enumerate(("id", "label", "group", "split"))}
    constant = {"source": "x.png", "width": 32, "height": 32, "mode": "RGB", "mask": "", "slices": "{}", "hash": b"", "augmented": False}
    columns |= {name: [constant.get(name, 0.0)] * len(rows) for name in MANIFEST.names if name not in columns}
    write_manifest(directory, columns, SPEC)
    with pixel_writer(directory, len(rows), SPEC) as pixels:
        for place, red in enumerate(reds):
            pixels[place] = bundles.plain(red, 255 - red, 20)
    Certificate(
        dataset=rows_digest(rows),
        splits={split: rows_digest(row for row in rows if row[3] == split) for split in ("train", "validation", "test")},
        images=len(rows),
        groups=16,
        classes={"benign": 16, "malignant": 16},
        split_images={"train": 8, "validation": 8, "test": 16},
        method="none",
        near_duplicate_pairs=0,
        near_duplicate_groups=0,
        near_duplicate_images=0,
        edges_across_splits=0,
        groups_across_splits=0,
        label_conflicts=[],
        random_split_leak=0.0,
        pixels={
            split: pixels_digest(
                (row[0], bundles.plain(red, 255 - red, 20)) for row, red in zip(rows, reds, strict=True) if row[3] == split
            )
            for split in ("train", "validation", "test")
        },
        leaking=leaking,
    ).write(directory)
    return directory


@pytest.fixture
def dataset(tmp_path: Path, bundles: ModuleType) -> Path:
    return write_dataset(tmp_path / "dataset", bundles)


def write_seeds(directory: Path, bundles: ModuleType, source: Path, **changes) -> Path:
    """Two seeds' bundles for a data set; seed 1 is chosen, seed 0 is half as sure, so that it finds the 90 as well."""
    values = {"dataset": Certificate.read(source).dataset, "certificate": Certificate.read(source).digest} | changes
    bundles.write_bundle(directory / "seed-0", weights=bundles.WEIGHTS * np.float32(0.5), seed=0, **values)
    bundles.write_bundle(directory / "seed-1", seed=1, **values)
    Candidates(chosen="seed-1", validation_auc={"seed-0": 0.8, "seed-1": 0.9}).write(directory)
    return directory


@pytest.fixture
def write_candidates(tmp_path: Path, bundles: ModuleType) -> Callable[..., Path]:
    return lambda source, **changes: write_seeds(tmp_path / "candidates", bundles, source, **changes)


@dataclass(frozen=True)
class Evaluated:
    """One evaluation that several tests look at: the data, the directory of the report, and the report."""

    dataset: Path
    output: Path
    report: Report


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory, bundles: ModuleType) -> Evaluated:
    from components.evaluate.evaluate import evaluate_model

    root = tmp_path_factory.mktemp("evaluated")
    dataset = write_dataset(root / "dataset", bundles)
    candidates = write_seeds(root / "candidates", bundles, dataset)
    Image.new("RGB", (20, 20)).save(candidates / "curves.png")
    return Evaluated(dataset, root / "report", evaluate_model(candidates, dataset, root / "report", draws=20))
