"""Synthetic predictions: a reference window and current windows drawn from one population, or from a shifted one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.contract import PREDICTION_SCHEMA, PROPERTIES, Card, tree_digest

START = datetime(2026, 3, 1, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64


def draw(rows: int, seed: int, *, darker: float = 0.0, moved: float = 0.0, positive: float = 0.3) -> dict[str, np.ndarray]:
    """Draw images of a population: `darker` lowers brightness, `moved` shifts the embedding, `positive` is the class share."""
    rng = np.random.default_rng(seed)
    malignant = rng.random(rows) < positive
    axes = np.random.default_rng(7).normal(size=(6, 32))
    embedding = (rng.normal(size=(rows, 6)) + np.where(malignant, 1.5, 0)[:, None] * np.eye(6)[0]) @ axes + 4
    embedding += moved * axes[1] + rng.normal(scale=0.3, size=(rows, 32))
    light = np.clip(rng.normal(0.55 - darker, 0.1, rows), 0.01, 0.99)
    side = rng.choice([256, 384, 512], rows)
    values = {f"property_{name}": light + rng.normal(scale=0.03, size=rows) for name in PROPERTIES}
    values |= {"property_noise": rng.gamma(2.0, 0.01, rows), "property_sharpness": rng.gamma(1.5, 0.002, rows)}
    values |= {"property_width": side, "property_height": side, "property_aspect": np.ones(rows)}
    score = 1 / (1 + np.exp(-(rng.normal(scale=1.2, size=rows) + np.where(malignant, 2, -2))))
    return values | {"embedding": embedding, "score": score}


def distances(embedding: np.ndarray, reference: np.ndarray, *, leave_out: bool) -> np.ndarray:
    """Mean cosine distance to the five nearest reference embeddings, as the service measures it."""
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (embedding, reference)]
    away = 1 - unit[0] @ unit[1].T
    if leave_out:
        np.fill_diagonal(away, np.inf)
    return np.sort(away, axis=1)[:, :5].mean(axis=1)


def to_table(values: dict[str, np.ndarray], distance: np.ndarray, *, bundle: str, limit: float, step: timedelta) -> pa.Table:
    """Bring drawn images into the columns of the prediction log, `step` apart."""
    score, rows = values["score"], len(distance)
    verdict = np.where(distance > limit, "out_of_distribution", np.where(abs(score - 0.5) < 0.1, "abstain", "accept"))
    columns = {
        "time": [START + index * step for index in range(rows)],
        "request_id": [f"r{index}" for index in range(rows)],
        "bundle": [bundle] * rows,
        "verdict": verdict.tolist(),
        "predicted_class": np.where(score >= 0.5, "malignant", "benign").tolist(),
        "confidence": np.maximum(score, 1 - score).astype(np.float32),
        "distance": distance.astype(np.float32),
        "probabilities": [[float(1 - each), float(each)] for each in score],
        "embedding": values["embedding"].astype(np.float32).tolist(),
        **{name: values[name].astype(np.float32) for name in values if name.startswith("property_")},
        "group": [None] * rows,
    }
    return pa.table(columns, schema=PREDICTION_SCHEMA)


def pair(reference_rows: int, current_rows: int, seed: int, *, bundle: str = DIGEST, **shift: float) -> tuple[pa.Table, pa.Table]:
    """Draw a reference window and a current window that may be shifted."""
    before, now = draw(reference_rows, 2 * seed), draw(current_rows, 2 * seed + 1, **shift)
    near = distances(before["embedding"], before["embedding"], leave_out=True)
    far = distances(now["embedding"], before["embedding"], leave_out=False)
    limit = float(np.quantile(near, 0.99))
    reference = to_table(before, near, bundle="", limit=limit, step=timedelta(minutes=1))
    return reference, to_table(now, far, bundle=bundle, limit=limit, step=timedelta(minutes=10))


def write_bundle(directory: Path, reference: pa.Table) -> str:
    """Write a bundle around a reference window and return its digest; the graph is of no concern here."""
    directory.mkdir(parents=True)
    (directory / "model.onnx").write_bytes(b"not looked at")
    pq.write_table(reference, directory / "reference.parquet")
    card = {
        "name": "lobule-histology",
        "recipe": "quickstart",
        "classes": ["benign", "malignant"],
        "positive": "malignant",
        "image": {"height": 64, "width": 64},
        "temperature": 1.0,
        "operating_point": {"threshold": 0.5, "target_sensitivity": 0.95, "sensitivity": 0.96, "specificity": 0.8},
        "limits": {"margin": 0.1, "min_confidence": 0.5, "out_of_distribution": 0.2, "false_alarm_rate": 0.01},
        "canary_scores": [0.5, 0.5],
        "seed": 0,
        **dict.fromkeys(("dataset", "certificate", "recipe_digest", "code"), DIGEST),
        "commit": "0" * 40,
        "leaking": False,
        "validation": {"auc": 0.9},
        "created": "2026-03-01T00:00:00Z",
    }
    Card.model_validate(card).write(directory)
    return tree_digest(directory)


def write_log(log: Path, table: pa.Table, name: str = "a") -> None:
    """Write rows as the service does: one file a day."""
    days = np.array([moment.date().isoformat() for moment in table.column("time").to_pylist()])
    for day in np.unique(days):
        folder = log / f"date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.filter(pa.array(days == day)), folder / f"{name}.parquet")


class Scene:
    """A bundle and the log of its service under one directory."""

    def __init__(self, root: Path) -> None:
        self.log, self.bundle = root / "log", root / "bundle"

    def play(self, reference: int = 150, current: int = 120, seed: int = 1, **shift: float) -> pa.Table:
        """Write a bundle and a log of its answers; returns the log's rows."""
        before, now = pair(reference, current, seed, **shift)
        digest = write_bundle(self.bundle, before)
        now = now.set_column(2, "bundle", pa.array([digest] * now.num_rows))
        write_log(self.log, now)
        return now

    def write(self, table: pa.Table) -> None:
        """Add rows to the log."""
        write_log(self.log, table, "more")

    def group(self, *, images: int, current: int = 40) -> "Scene":
        """Return a scene beside this one whose reference images come in groups of `images`, which resemble each other no more."""
        other = Scene(self.log.parent / "grouped")
        before, now = pair(150, current, 1)
        names = pa.array([f"g{row // images}" for row in range(150)])
        digest = write_bundle(other.bundle, before.set_column(before.schema.get_field_index("group"), "group", names))
        write_log(other.log, now.set_column(2, "bundle", pa.array([digest] * now.num_rows)))
        return other


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture(scope="session")
def windows() -> Callable[..., tuple[pa.Table, pa.Table]]:
    return pair
