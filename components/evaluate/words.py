"""A report in words: the verdict in one sentence, what a reader must know beside it, and both as Markdown."""

import statistics
from dataclasses import dataclass

from components.domain.intervals import FEWEST_GROUPS
from components.domain.report import Interval, Part, Report

TOO_FEW = f"Too few groups for an interval: every class needs {FEWEST_GROUPS}. The brackets hold the whole range of each metric."
LEAKS = "The data was split by a protocol that leaks: these figures are too good, and the model never becomes champion."
ORACLE = (
    "Every image was cut down to its lesion mask, which nobody has at prediction time: these figures are those of an oracle, and the model "
    "never becomes champion."
)
MIDDLE = 3
"""Severity of the corruption that the remarks speak of."""


@dataclass(frozen=True)
class Remark:
    """One thing to know: its title, what it says, and whether it is a warning."""

    title: str
    text: str
    warns: bool = False


def headline(report: Report) -> str:
    """Return the verdict: what the model finds and what that costs, in one sentence."""
    if not report.confusion:  # of an earlier version
        found, cleared = report.metrics["sensitivity"].value, report.metrics["specificity"].value
        return f"It finds {found:.0%} of {report.positive} images and calls {1 - cleared:.0%} of the others {report.positive}."
    place = report.classes.index(report.positive)
    found, all_positive = report.confusion[place][place], sum(report.confusion[place])
    alarms = sum(row[place] for number, row in enumerate(report.confusion) if number != place)
    others = sum(map(sum, report.confusion)) - all_positive
    return (
        f"It finds {found} of {all_positive} {report.positive} images ({report.metrics['sensitivity'].value:.0%}) "
        f"and calls {alarms} of {others} others {report.positive} ({alarms / others:.0%})."
    )


def remarks(report: Report) -> list[Remark]:
    """Return what a reader must know, warnings of the whole report first."""
    metrics = report.metrics
    result = [
        Remark("Leak", LEAKS, warns=True) if report.leaking else None,
        Remark("Oracle", ORACLE, warns=True) if report.oracle else None,
        Remark("Evidence", TOO_FEW, warns=True) if metrics["auc"].says_nothing else None,
        _operating_point(report),
        _seeds(report),
        _abstention(report),
        _unlike(report),
        _patients(report),
        _slice(report),
        _corruption(report),
    ]
    return [remark for remark in result if remark]


def markdown(report: Report, page: str) -> str:
    """Return the report as Markdown: the description of its run, and the summary of its task.

    Args:
        report: what is told.
        page: name of the page that tells more.
    """
    lines = [
        f"**{headline(report)}**",
        "",
        f"Test split: {report.images} images in {report.groups} groups{'' if report.leaking else ' that no training saw'}. "
        "In brackets 95 % intervals over groups.",
        "",
        *(f"- {'**Warning.** ' if remark.warns else ''}{remark.title}: {remark.text}" for remark in remarks(report)),
        "",
        "| metric | value |",
        "|---|---|",
        *(f"| {name} | {figure(each)} |" for name, each in report.metrics.items()),
        "",
        f"Classes {', '.join(report.classes)}; positive: {report.positive}. More in the artifacts `{page}` and `certificate.json`.",
    ]
    return "\n".join(lines)


def figure(interval: Interval) -> str:
    """Return a value with the ends of its interval."""
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def share(interval: Interval) -> str:
    """Return a share in percent with the ends of its interval; without them where they say nothing."""
    ends = "" if interval.says_nothing else f" [{100 * interval.low:.0f} to {100 * interval.high:.0f}]"
    return f"{interval.value:.0%}{ends}"


def _operating_point(report: Report) -> Remark | None:
    point = report.operating_point
    if point is None:
        return None
    found = report.metrics["sensitivity"]
    missed = found.value < point.target_sensitivity
    said = ", below it" if found.high < point.target_sensitivity else ", which lies in the interval"
    said = "" if not missed or found.says_nothing else said
    return Remark(
        "Operating point",
        f"threshold {point.threshold:.2f}, chosen on validation for a sensitivity of {point.target_sensitivity:.0%}, reached "
        f"{point.sensitivity:.0%} there and {share(found)} on test{said}. Specificity: {point.specificity:.0%} on validation, "
        f"{share(report.metrics['specificity'])} on test.",
        warns=missed and found.high < point.target_sensitivity,
    )


def _seeds(report: Report) -> Remark | None:
    values = report.seeds["auc"]
    if len(values) < 2:
        return None
    mean, deviation = statistics.fmean(values), statistics.stdev(values)
    return Remark(
        "Seeds",
        f"trained {len(values)} times from different seeds, the test AUC is {mean:.3f} \u00b1 {deviation:.3f} (standard deviation).",
    )


def _abstention(report: Report) -> Remark | None:
    answered = report.metrics.get("coverage")
    if answered is None or report.validation_coverage is None:
        return None
    right = f"; {share(report.metrics['selective_accuracy'])} of those are right" if answered.value else ""
    return Remark(
        "Abstention",
        f"the service answers {share(answered)} of the test images ({report.validation_coverage:.0%} of the validation images){right}, "
        f"where {report.metrics['accuracy'].value:.0%} of all would be.",
    )


def _unlike(report: Report) -> Remark | None:
    if report.limits is None:
        return None
    refused, stated = report.metrics["out_of_distribution"], report.limits.false_alarm_rate
    return Remark(
        "Out of distribution",
        f"it refuses {share(refused)} of the test images as unlike any it learnt from; by the limit chosen on validation {stated:.1%} of "
        "images like those there are expected to be.",
        warns=refused.low > stated,
    )


def _patients(report: Report) -> Remark | None:
    people = report.patients
    if people is None:
        return None
    left_out = f"; {people.mixed} with images of several classes left out" if people.mixed else ""
    return Remark(
        "Patients",
        f"by the mean of a patient's images, sensitivity {share(people.metrics['sensitivity'])} and specificity "
        f"{share(people.metrics['specificity'])} over {people.patients} patients{left_out}.",
    )


def _slice(report: Report) -> Remark | None:
    """Name the slice that is furthest below what a model of this recall of every class would reach on its mix of classes."""
    parts: list[tuple[str, Part]] = [(f"{name} {value}", part) for name, column in report.slices.items() for value, part in column.items()]
    if not parts:
        return None
    name, part = min(parts, key=lambda item: item[1].metrics["accuracy"].high - _expected(report, item[1]))
    accuracy, usual = part.metrics["accuracy"], _expected(report, part)
    if accuracy.high >= usual:
        return Remark("Slices", f"none of {len(parts)} is worse than its mix of classes explains: no accuracy's interval lies below that.")
    return Remark(
        "Slices", f"the weakest of {len(parts)} is {name}: accuracy {share(accuracy)}, of {usual:.0%} for its mix of classes.", warns=True
    )


def _expected(report: Report, part: Part) -> float:
    """Return the accuracy on a slice's classes if each were recalled there as on the whole split."""
    return sum(count * report.per_class[label]["recall"].value for label, count in part.classes.items()) / part.images


def _corruption(report: Report) -> Remark | None:
    if report.robustness is None:
        return None
    kind, worst = report.robustness.worst("auc_positive", MIDDLE)
    clean = report.robustness.clean["auc_positive"].value
    lost = report.robustness.corrupted[kind][MIDDLE]["auc_positive_drop"]
    answered = report.robustness.corrupted[kind][MIDDLE]["coverage"].value
    ends = "" if lost.low <= -1 else f" [{lost.low:.2f}, {lost.high:.2f}]"
    return Remark(
        "Corruption",
        f"of all kinds at severity {MIDDLE} of 5, {kind} costs most: the AUC falls from {clean:.2f} to {worst.value:.2f} "
        f"(by {lost.value:.2f}{ends}), and the service then answers {answered:.0%} of the images.",
        warns=lost.low > 0.1,
    )
