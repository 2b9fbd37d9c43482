"""The tables of `report.html`."""

import statistics
from collections.abc import Iterable, Sequence
from html import escape

from components.domain.corruptions import MEANINGS as CORRUPTION_MEANINGS
from components.domain.corruptions import SEVERITIES
from components.domain.metrics import CLASS_METRICS
from components.domain.report import Interval, Part, Patients, Report, Robustness

MEANINGS = {
    "auc": "area under the ROC curve; with more than two classes the mean over classes",
    "auc_positive": "area under the ROC curve of the positive class against the rest",
    "average_precision": "area under precision against recall of the positive class",
    "sensitivity": "share of positive images that are found, at the operating point",
    "specificity": "share of other images that are not called positive, at the operating point",
    "precision": "share of images called positive that are, at the operating point",
    "f1": "harmonic mean of precision and sensitivity",
    "accuracy": "share of images whose class is right, at the operating point",
    "balanced_accuracy": "mean over classes of the share that is right",
    "kappa": "Cohen's: agreement of true and predicted class beyond chance; 1 at most",
    "brier": "mean squared error of the probabilities; lower is better",
    "ece": "expected calibration error of the largest probability; lower is better",
    "log_loss": "mean negative logarithm of the true class's probability; lower is better",
    "coverage": "share of images that the service answers rather than abstains from",
    "selective_accuracy": "share of the answered images whose class is right",
    "out_of_distribution": "share of images that the service refuses as unlike any it learnt from",
    "aurc": "area under the share of wrong answers against coverage, surest answers first; lower is better",
}
"""Every overall metric of a report, and what it is."""
SLICE_METRICS = ("accuracy", "sensitivity", "specificity", "auc_positive", "coverage")
CORRUPTED_METRICS = ("auc_positive", "auc_positive_drop", "sensitivity", "specificity", "coverage", "out_of_distribution")
PATIENT_METRICS = (
    "auc",
    "sensitivity",
    "specificity",
    "precision",
    "f1",
    "accuracy",
    "balanced_accuracy",
    "kappa",
    "brier",
    "ece",
    "log_loss",
)
_SCALED = {name for name in MEANINGS if name not in ("kappa", "brier", "log_loss")}


def cell(interval: Interval | None) -> str:
    """Return a value above its interval; a dash where there is none, and no interval where it says nothing."""
    if interval is None:
        return '<td class="soft">\u2013</td>'
    ends = "too few groups" if interval.low in (0, -1) and interval.high == 1 else f"{interval.low:.3f} to {interval.high:.3f}"
    return f"<td>{interval.value:.3f}<br><small>{ends}</small></td>"


def bar(interval: Interval) -> str:
    """Draw an interval of a metric in [0, 1], its value a mark on it."""
    low, high, value = (100 * min(max(end, 0.0), 1.0) for end in (interval.low, interval.high, interval.value))
    return f'<span class="bar"><i style="left:{low:.1f}%;width:{high - low:.1f}%"></i><b style="left:{value:.1f}%"></b></span>'


def table(head: Sequence[str], rows: Iterable[str]) -> str:
    """Return a table that scrolls by itself where the screen is narrow."""
    return (
        f'<div class="wide"><table><thead><tr>{"".join(f"<th>{escape(name)}</th>" for name in head)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def metrics_table(report: Report) -> str:
    """Return every overall metric with its interval, what it is, and what the seeds say where there are several."""
    seeds = len(report.seeds["auc"])
    head = ("metric", "value, 95 % interval", "0 to 1", *([f"{seeds} seeds"] if seeds > 1 else []))
    return table(head, (_metric_row(report, name) for name in MEANINGS))


def class_table(report: Report) -> str:
    """Return every class's metrics against the rest."""
    rows = (
        f"<tr><th>{escape(label)}</th>{''.join(cell(part[name]) for name in CLASS_METRICS)}</tr>"
        for label, part in report.per_class.items()
    )
    return table(("class", *(_spoken(name) for name in CLASS_METRICS)), rows)


def patient_table(report: Report, people: Patients) -> str:
    """Return the metrics of images and of patients side by side."""
    rows = (f"<tr><th>{_spoken(name)}</th>{cell(report.metrics[name])}{cell(people.metrics[name])}</tr>" for name in PATIENT_METRICS)
    return table(("metric", f"{report.images} images", f"{people.patients} patients"), rows)


def slice_table(name: str, column: dict[str, Part]) -> str:
    """Return one column's values, each with its counts and metrics."""
    return table(
        (name, "images", *(_spoken(metric) for metric in SLICE_METRICS)), (_slice_row(value, part) for value, part in column.items())
    )


def robustness_table(found: Robustness) -> str:
    """Return every corruption and severity, with the number of the severity."""
    rows = [f"<tr><th>none</th><td>0</td>{''.join(cell(found.clean.get(name)) for name in CORRUPTED_METRICS)}</tr>"]
    for kind, levels in found.corrupted.items():
        for number, (severity, part) in enumerate(levels.items()):
            title = f"{kind}<small>{CORRUPTION_MEANINGS[kind]}</small>" if not number else ""
            amount = f"{severity} <small>({SEVERITIES[kind][severity - 1]:g})</small>"
            rows.append(f"<tr><th>{title}</th><td>{amount}</td>{''.join(cell(part[name]) for name in CORRUPTED_METRICS)}</tr>")
    return table(("corruption", "severity", *(_spoken(name) for name in CORRUPTED_METRICS)), rows)


def identity_table(report: Report) -> str:
    """Return the digests of what was evaluated on what."""
    names = ("bundle", "dataset", "certificate", "test")
    return table(("what", "digest"), (f"<tr><th>{name}</th><td><code>{getattr(report, name)}</code></td></tr>" for name in names))


def _metric_row(report: Report, name: str) -> str:
    interval, seeds = report.metrics[name], report.seeds.get(name, [])
    spread = ""
    if len(seeds) > 1:
        said = f"{statistics.fmean(seeds):.3f} \u00b1 {statistics.stdev(seeds):.3f}"
        spread = f"<td>{said}<br><small>{min(seeds):.3f} to {max(seeds):.3f}</small></td>"
    drawn = bar(interval) if name in _SCALED else ""
    return f"<tr><th>{_spoken(name)}<small>{MEANINGS[name]}</small></th>{cell(interval)}<td>{drawn}</td>{spread}</tr>"


def _slice_row(value: str, part: Part) -> str:
    counts = ", ".join(f"{count} {escape(label)}" for label, count in part.classes.items())
    counted = f"<td>{part.images}<br><small>{part.groups} groups; {counts}</small></td>"
    return f"<tr><th>{escape(value)}</th>{counted}{''.join(cell(part.metrics.get(name)) for name in SLICE_METRICS)}</tr>"


def _spoken(name: str) -> str:
    words = {
        "auc": "AUC",
        "auc_positive": "AUC (positive)",
        "auc_positive_drop": "AUC lost",
        "ece": "ECE",
        "aurc": "AURC",
        "f1": "F1",
        "coverage": "answered",
    }
    return words.get(name, name.replace("_", " "))
