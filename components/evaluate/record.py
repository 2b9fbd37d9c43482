"""What of a report goes to the tracking server, under which names."""

import statistics
from pathlib import Path

from components.domain.names import TAG_BUNDLE, TAG_CERTIFICATE, TAG_DATASET, TAG_LEAKING, TAG_RECIPE, test_metric
from components.domain.report import PREDICTIONS_FILE, REPORT_FILE, Report
from components.domain.tracking import Tracker
from components.evaluate.page import PAGE_FILE
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
        metric = test_metric(name)
        values |= {metric: interval.value, f"{metric}_low": interval.low, f"{metric}_high": interval.high}
    for name, seeds in report.seeds.items():
        metric = test_metric(name)
        values |= {f"{metric}_seeds_mean": statistics.fmean(seeds), f"{metric}_seeds_std": statistics.pstdev(seeds)}
    tracker.metrics(values)
    tracker.tags(
        {
            TAG_RECIPE: report.recipe,
            TAG_DATASET: report.dataset,
            TAG_CERTIFICATE: report.certificate,
            TAG_BUNDLE: report.bundle,
            TAG_LEAKING: "true" if report.leaking else "false",
            "mlflow.note.content": _note(report),
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
    if report.leaking:
        lines.insert(0, "**Leaking protocol: these figures are too good, and this model is never champion.**\n")
    return "\n".join(lines)
