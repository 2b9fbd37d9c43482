"""Reports and predictions of made-up models, so that a gate's decision follows from figures worked beforehand."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.domain.bootstrap import bootstrap
from components.domain.metrics import Scored, measure
from components.domain.predictions import SCHEMA, Predictions
from components.domain.report import Report

CLASSES = ["benign", "malignant"]


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


def model(
    *,
    wrong: int = 0,
    images: int = 200,
    letter: str = "a",
    test: str = "t",
    leaking: bool = False,
    oracle: bool = False,
    ece: float | None = None,
):
    """A model whose first `wrong` malignant images score 0.02 and whose other images score 0.95 or 0.05, one image a group."""
    labels = np.arange(images) % 2
    scores = np.where(labels == 1, 0.95, 0.05) + np.linspace(0, 0.01, images)
    scores[np.flatnonzero(labels == 1)[:wrong]] = 0.02
    groups = [f"patient-{index:04}" for index in range(images)]
    scored = Scored(labels, np.stack([1 - scores, scores], axis=1), (scores >= 0.5).astype(np.int64), positive=1)
    metrics = bootstrap(lambda weights: measure(scored, weights), groups, labels=labels, draws=200).intervals
    if ece is not None:
        metrics["ece"] = dataclasses.replace(metrics["ece"], value=ece)
    report = Report(
        bundle=digest(letter),
        dataset=digest("d"),
        certificate=digest("c"),
        test=digest(test),
        recipe="quickstart",
        classes=CLASSES,
        positive="malignant",
        images=images,
        groups=images,
        metrics=metrics,
        per_class={},
        seeds={"auc": [metrics["auc"].value]},
        leaking=leaking,
        oracle=oracle,
    )
    return report, Predictions([f"{group}-image" for group in groups], groups, scored)


def write(directory: Path, report: Report, predictions: Predictions) -> Path:
    """Write report.json and predictions.parquet as evaluation does."""
    directory.mkdir(parents=True)
    report.write(directory)
    scored, count = predictions.scored, len(predictions.ids)
    columns = {
        "id": predictions.ids,
        "group": predictions.groups,
        "label": [report.classes[index] for index in scored.labels],
        "split": ["test"] * count,
        "seed": [0] * count,
        "chosen": [True] * count,
        "predicted_class": [report.classes[index] for index in scored.predicted],
        "verdict": ["accept"] * count,
        "probabilities": scored.probabilities.tolist(),
    }
    pq.write_table(pa.table(columns, schema=SCHEMA), directory / "predictions.parquet")
    return directory
