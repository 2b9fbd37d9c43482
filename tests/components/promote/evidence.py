"""Reports and predictions of made-up models, so that a gate's decision follows from figures worked beforehand."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.domain.artifacts import write_certified
from components.domain.bootstrap import bootstrap
from components.domain.certificate import Certificate, rows_digest
from components.domain.metrics import Scored, measure
from components.domain.predictions import SCHEMA, Predictions
from components.domain.report import Interval, Report, Robustness
from components.domain.serving_check import ServeCheck

CLASSES = ["benign", "malignant"]


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


def rows_of(predictions: Predictions) -> list[tuple[str, str, str, str]]:
    """The certified rows: the test images, and two images each of two patients that train and validation hold."""
    labels = [CLASSES[index] for index in predictions.scored.labels]
    test = [(name, label, group, "test") for name, label, group in zip(predictions.ids, labels, predictions.groups, strict=True)]
    return test + [(f"{split}-{label}", label, f"patient-{split}", split) for split in ("train", "validation") for label in CLASSES]


def certificate_of(predictions: Predictions, *, leaking: bool = False) -> Certificate:
    rows = rows_of(predictions)
    return Certificate(
        dataset=rows_digest(rows),
        splits={split: rows_digest(row for row in rows if row[3] == split) for split in ("train", "validation", "test")},
        images=len(rows),
        groups=len({row[2] for row in rows}),
        classes={},
        split_images={},
        method="none",
        near_duplicate_pairs=0,
        near_duplicate_groups=0,
        near_duplicate_images=0,
        edges_across_splits=0,
        groups_across_splits=0,
        label_conflicts=[],
        random_split_leak=0.0,
        leaking=leaking,
    )


def service_of(report: Report, **changes) -> ServeCheck:
    """What the service of a model did: 4 ms, 2 s, 10 MiB."""
    values = {"images": 20, "largest_difference": 1e-6, "differing_classes": 0, "differing_verdicts": 0, "examples": []}
    figures = {"p50_ms": 3.0, "p95_ms": 4.0, "ready_seconds": 2.0, "bundle_mib": 10.0}
    return ServeCheck(bundle=report.bundle, **values | figures | changes)


def robust(drop: float, *, spread: float = 0.05) -> Robustness:
    """A model of whose AUC noise takes so much and blur nothing, at severity 1; as much at 3 and 5."""
    clean = {name: Interval(0.95, 0.9, 1.0) for name in ("auc_positive", "sensitivity", "specificity", "accuracy", "coverage")}
    clean["out_of_distribution"] = Interval(0.01, 0.0, 0.05)
    noise = {"auc_positive_drop": Interval(drop, drop - spread, drop + spread), "auc_positive": Interval(0.95 - drop, 0.5, 1.0)}
    blur = {"auc_positive_drop": Interval(0.0, -0.01, 0.01)}
    same = {"sensitivity_drop": Interval(0.0, -0.01, 0.01)}
    corrupted = {kind: dict.fromkeys((1, 3, 5), clean | same | cell) for kind, cell in (("noise", noise), ("blur", blur))}
    return Robustness(200, 200, clean, corrupted)


def model(
    *,
    wrong: int = 0,
    images: int = 200,
    letter: str = "a",
    test: str = "t",
    leaking: bool = False,
    oracle: bool = False,
    ece: float | None = None,
    specificity: float | None = None,
):
    """A model whose first `wrong` malignant images score 0.02 and whose other images score 0.95 or 0.05, one image a group."""
    labels = np.arange(images) % 2
    scores = np.where(labels == 1, 0.95, 0.05) + np.linspace(0, 0.01, images)
    scores[np.flatnonzero(labels == 1)[:wrong]] = 0.02
    groups = [f"patient-{index:04}" for index in range(images)]
    scored = Scored(labels, np.stack([1 - scores, scores], axis=1), (scores >= 0.5).astype(np.int64), positive=1)
    metrics = bootstrap(lambda weights: measure(scored, weights), groups, labels=labels, draws=200).intervals
    for name, value in (("ece", ece), ("specificity", specificity)):
        if value is not None:
            metrics[name] = dataclasses.replace(metrics[name], value=value)
    predictions = Predictions([f"{test}-{group}" for group in groups], groups, scored)
    certificate = certificate_of(predictions, leaking=leaking)
    report = Report(
        bundle=digest(letter),
        dataset=certificate.dataset,
        certificate=certificate.digest,
        test=certificate.splits["test"],
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
        robustness=robust(0.05),
    )
    return report, predictions


def write(directory: Path, report: Report, predictions: Predictions) -> Path:
    """Write report.json and predictions.parquet as evaluation does, the certificate as ingest does, the check as serving it does."""
    directory.mkdir(parents=True)
    report.write(directory)
    certificate_of(predictions, leaking=report.leaking).write(directory)
    write_certified(directory, rows_of(predictions))
    service_of(report).write(directory)
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
