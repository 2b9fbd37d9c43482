"""What of a report goes to the tracking server, under which names."""

import statistics
from pathlib import Path

from components.domain.names import (
    PATIENT,
    TAG_BUNDLE,
    TAG_CERTIFICATE,
    TAG_DATASET,
    TAG_LEAKING,
    TAG_ORACLE,
    TAG_RECIPE,
    TAG_TEST,
    corrupted_metric,
    interval_metrics,
    seed_metrics,
    test_metric,
)
from components.domain.report import PREDICTIONS_FILE, REPORT_FILE, Report, Robustness
from components.domain.tracking import Tracker
from components.evaluate.page import PAGE_FILE
from components.evaluate.plots import PLOTS
from components.evaluate.words import markdown

CORRUPTED = ("auc_positive", "sensitivity", "coverage")
"""Metrics of corrupted images that are recorded as curves by severity."""
SEEDS = test_metric("seeds")
"""MLflow metric: how many seeds' models were evaluated."""


def log_report(report: Report, directory: Path, tracker: Tracker) -> None:
    """Record a report: metrics with the ends of their intervals, the seeds' mean and deviation, curves by severity, digests, files.

    Args:
        report: as returned by `evaluate_model`.
        directory: where it was written.
        tracker: the pipeline run.
    """
    values: dict[str, float] = {SEEDS: len(report.seeds["auc"]), test_metric("images"): report.images, test_metric("groups"): report.groups}
    measured = report.metrics | {f"{PATIENT}{name}": each for name, each in (report.patients.metrics if report.patients else {}).items()}
    values |= {test_metric(name): interval.value for name, interval in measured.items()}
    for name, interval in measured.items():
        values.update(zip(interval_metrics(name), (interval.low, interval.high), strict=True))
    for name, seeds in report.seeds.items():
        spread = statistics.stdev(seeds) if len(seeds) > 1 else 0.0
        values.update(zip(seed_metrics(name), (statistics.fmean(seeds), spread), strict=True))
    tracker.metrics(values)
    if report.robustness:
        for severity, curve in sorted(_corrupted(report.robustness).items()):
            tracker.metrics(curve, step=severity)
    tracker.tags(
        {
            TAG_RECIPE: report.recipe,
            TAG_DATASET: report.dataset,
            TAG_TEST: report.test,
            TAG_CERTIFICATE: report.certificate,
            TAG_BUNDLE: report.bundle,
            TAG_LEAKING: "true" if report.leaking else "false",
            "mlflow.note.content": markdown(report, PAGE_FILE),
            TAG_ORACLE: "true" if report.oracle else "false",
        }
    )
    for name in (REPORT_FILE, PREDICTIONS_FILE, PAGE_FILE, *PLOTS):
        tracker.file(directory / name)


def _corrupted(found: Robustness) -> dict[int, dict[str, float]]:
    """Return the metrics of corrupted images by severity, which becomes the step of a curve; 0 is the image as it is."""
    curves: dict[int, dict[str, float]] = {0: {}}
    for kind, levels in found.corrupted.items():
        for severity, cell in levels.items():
            curves.setdefault(severity, {}).update({corrupted_metric(kind, name): cell[name].value for name in CORRUPTED})
        curves[0] |= {corrupted_metric(kind, name): found.clean[name].value for name in CORRUPTED}
    return curves
