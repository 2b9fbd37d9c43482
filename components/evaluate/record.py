"""What of a report goes to the tracking server, under which names."""

import statistics
from pathlib import Path

from components.domain.names import TAG_BUNDLE, TAG_CERTIFICATE, TAG_DATASET, TAG_LEAKING, TAG_ORACLE, TAG_RECIPE, test_metric
from components.domain.report import PREDICTIONS_FILE, REPORT_FILE, Report, Robustness
from components.domain.tracking import Tracker
from components.evaluate.page import PAGE_FILE
from components.evaluate.plots import PLOTS
from components.evaluate.words import markdown

CORRUPTED = ("auc_positive", "sensitivity", "coverage")
"""Metrics of corrupted images that are recorded as curves by severity, as `corrupted/<kind>/<metric>`."""
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
    for name, interval in report.metrics.items():
        metric = test_metric(name)
        values |= {metric: interval.value, f"{metric}_low": interval.low, f"{metric}_high": interval.high}
    for name, seeds in report.seeds.items():
        metric = test_metric(name)
        spread = statistics.stdev(seeds) if len(seeds) > 1 else 0.0
        values |= {f"{metric}_seeds_mean": statistics.fmean(seeds), f"{metric}_seeds_std": spread}
    for name, interval in (report.patients.metrics if report.patients else {}).items():
        metric = test_metric(f"patient_{name}")
        values |= {metric: interval.value, f"{metric}_low": interval.low, f"{metric}_high": interval.high}
    tracker.metrics(values)
    if report.robustness:
        for severity, curve in sorted(_corrupted(report.robustness).items()):
            tracker.metrics(curve, step=severity)
    tracker.tags(
        {
            TAG_RECIPE: report.recipe,
            TAG_DATASET: report.dataset,
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
            curves.setdefault(severity, {}).update({_corrupted_metric(kind, name): cell[name].value for name in CORRUPTED})
        curves[0] |= {_corrupted_metric(kind, name): found.clean[name].value for name in CORRUPTED}
    return curves


def _corrupted_metric(kind: str, name: str) -> str:
    return f"corrupted/{kind}/{name}"
