"""What of a report goes to the tracking server, under which names."""

import statistics
from pathlib import Path

from components.domain.names import (
    TAG_BUNDLE,
    TAG_CERTIFICATE,
    TAG_DATASET,
    TAG_LEAKING,
    TAG_ORACLE,
    TAG_RECIPE,
    TAG_TEST,
    interval_metrics,
    seed_metrics,
    test_metric,
)
from components.domain.report import PREDICTIONS_FILE, REPORT_FILE, Report
from components.domain.tracking import Tracker
from components.evaluate.page import PAGE_FILE, TOO_FEW
from components.evaluate.plots import PLOTS

SEEDS = test_metric("seeds")
"""MLflow metric: how many seeds' models were evaluated."""


def log_report(report: Report, directory: Path, tracker: Tracker) -> None:
    """Record a report: metrics with the ends of their intervals, the seeds' mean and deviation, digests, and its files.

    Args:
        report: as returned by `evaluate_model`.
        directory: where it was written.
        tracker: the pipeline run.
    """
    values: dict[str, float] = {SEEDS: len(report.seeds["auc"]), test_metric("images"): report.images, test_metric("groups"): report.groups}
    for name, interval in report.metrics.items():
        values[test_metric(name)] = interval.value
    for name, interval in report.metrics.items():
        values.update(zip(interval_metrics(name), (interval.low, interval.high), strict=True))
    for name, seeds in report.seeds.items():
        spread = statistics.stdev(seeds) if len(seeds) > 1 else 0.0
        values.update(zip(seed_metrics(name), (statistics.fmean(seeds), spread), strict=True))
    tracker.metrics(values)
    tracker.tags(
        {
            TAG_RECIPE: report.recipe,
            TAG_DATASET: report.dataset,
            TAG_TEST: report.test,
            TAG_CERTIFICATE: report.certificate,
            TAG_BUNDLE: report.bundle,
            TAG_LEAKING: "true" if report.leaking else "false",
            "mlflow.note.content": _note(report),
            TAG_ORACLE: "true" if report.oracle else "false",
        }
    )
    for name in (REPORT_FILE, PREDICTIONS_FILE, PAGE_FILE, *PLOTS):
        tracker.file(directory / name)


def _note(report: Report) -> str:
    """Return the run's description on its page: Markdown, what a reader wants to know first."""
    lines = [
        f"Test split: {report.images} images in {report.groups} groups that no training saw. In brackets 95 % intervals over groups.",
        "",
        "| metric | value |",
        "|---|---|",
        *(f"| {name} | {each.value:.3f} [{each.low:.3f}, {each.high:.3f}] |" for name, each in report.metrics.items()),
        "",
        f"Classes {', '.join(report.classes)}; positive: {report.positive}. More in the artifacts `{PAGE_FILE}` and `certificate.json`.",
    ]
    if report.metrics["auc"].says_nothing:
        lines.insert(1, TOO_FEW)
    if report.leaking:
        lines.insert(0, "**Leaking protocol: these figures are too good, and this model is never champion.**\n")
    return "\n".join(lines)
