"""A tiny certified data set, made without ingest: bright images against dark ones, on disk as the artifact's layout says."""

from pathlib import Path

import numpy as np
import pytest

from components.domain.artifacts import pixel_writer, write_manifest
from components.domain.augmentation import Augmentation
from components.domain.certificate import Certificate, pixels_digest, rows_digest
from components.domain.recipe import Recipe
from components.domain.search_space import SearchSpace
from serving.contract import PROPERTIES, ImageSpec
from serving.measure import properties

SIZE = 32
TINY = Recipe(
    name="tiny",
    task="histology",
    backbone="convnet",
    image_size=SIZE,
    epochs=3,
    trials=2,
    trial_epochs=2,
    seeds=2,
    batch_size=8,
    learning_rate=3e-3,
    augmentation=Augmentation(flips="both"),
    search=SearchSpace(learning_rate=(1e-3, 1e-2)),
)


def write_tiny(directory: Path, *, images: int = 60, seed: int = 0) -> Path:
    random = np.random.default_rng(seed)
    labels = ["benign" if index % 2 else "malignant" for index in range(images)]
    splits = [("train", "train", "train", "validation", "test")[index // 2 % 5] for index in range(images)]
    spec = ImageSpec(height=SIZE, width=SIZE)
    directory.mkdir(parents=True)
    ids, measured = [], []
    with pixel_writer(directory, images, spec) as pixels:
        stored = pixels
        for index, label in enumerate(labels):
            level = 90 if label == "malignant" else 150
            pixels[index] = np.clip(random.normal(level, 45, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
            measured.append(properties(np.asarray(pixels[index])))
            ids.append(f"{index:064x}")
    groups = [f"g{index}" for index in range(images)]
    rows = list(zip(ids, labels, groups, splits, strict=True))
    write_manifest(
        directory,
        {
            "id": ids,
            "source": [f"{label}/{index}.png" for index, label in enumerate(labels)],
            "label": labels,
            "group": groups,
            "split": splits,
            "width": [SIZE] * images,
            "height": [SIZE] * images,
            "mode": ["RGB"] * images,
            "mask": [""] * images,
            "hash": [b""] * images,
            "augmented": [False] * images,
            **{f"property_{name}": [values[name] for values in measured] for name in PROPERTIES},
        },
        spec,
    )
    counts = {name: splits.count(name) for name in ("train", "validation", "test")}
    Certificate(
        dataset=rows_digest(rows),
        splits={name: rows_digest(row for row in rows if row[3] == name) for name in counts},
        images=images,
        groups=images,
        classes={name: labels.count(name) for name in ("benign", "malignant")},
        split_images=counts,
        method="none needed",
        near_duplicate_pairs=0,
        near_duplicate_groups=0,
        near_duplicate_images=0,
        edges_across_splits=0,
        groups_across_splits=0,
        label_conflicts=[],
        random_split_leak=0.0,
        pixels={name: pixels_digest((ids[row], stored[row]) for row in range(images) if splits[row] == name) for name in counts},
    ).write(directory)
    return directory


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "dataset")


@pytest.fixture(scope="session")
def tiny_training_set(tiny_dataset) -> Path:
    from components.augment.augment import augment_dataset

    output = tiny_dataset.parent / "training_set"
    augment_dataset(tiny_dataset, output, recipe=TINY)
    return output


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    return TINY
