"""`report.html`: the report as one page that needs nothing else, in light and dark, for a desk and a phone."""

import base64
from html import escape
from pathlib import Path

from components.domain.report import Interval, Report
from components.evaluate.page_style import STYLE
from components.evaluate.page_tables import (
    bar,
    class_table,
    identity_table,
    metrics_table,
    patient_table,
    robustness_table,
    slice_table,
)
from components.evaluate.plots import PLOTS
from components.evaluate.words import headline, remarks
from serving.contract import DISCLAIMER

PAGE_FILE = "report.html"
TILES = {"auc": "AUC", "sensitivity": "sensitivity", "specificity": "specificity", "ece": "calibration error", "coverage": "answered"}
OWN_PLACE = ("robustness.png", "errors.png")
"""Plots that stand in a section of their own."""


def write_page(report: Report, directory: Path, *, draws: int, redrawn: int, training: Path | None = None) -> None:
    """Write `report.html` beside the plots, which are copied into it.

    Args:
        report: what is shown.
        directory: holds the plots.
        draws: resamples of the bootstrap.
        redrawn: resamples that lacked a class.
        training: picture of loss and accuracy by epoch, if there is one.
    """
    (directory / PAGE_FILE).write_text(render(report, directory, draws=draws, redrawn=redrawn, training=training), encoding="utf-8")


def render(report: Report, directory: Path, *, draws: int, redrawn: int, training: Path | None = None) -> str:
    """Return the page."""
    sections = {
        "Metrics": metrics_table(report) + _how(draws, redrawn, len(report.seeds["auc"])),
        "Classes": class_table(report),
        "Plots": f'<div class="plots">{_plots(directory, training)}</div>',
        "Errors": _figure(directory / "errors.png", PLOTS["errors.png"], wide=True),
        **_patients(report),
        **_slices(report),
        **_robustness(report, directory),
        "Identity": identity_table(report),
    }
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name in sections)
    body = "".join(f'<section id="{name.lower()}"><h2>{name}</h2>{content}</section>' for name, content in sections.items())
    listed = "".join(
        f"<li{' class=bad' if remark.warns else ''}><b>{remark.title}</b>{escape(_sentence(remark.text))}</li>"
        for remark in remarks(report)
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation of {escape(report.recipe)}</title><style>{STYLE}</style></head><body>
<p class="eyebrow">Evaluation of {escape(report.recipe)} on the test split</p>
<h1>{escape(headline(report))}</h1>
<p class="soft">{report.images} images in {report.groups} groups{"" if report.leaking else " that no training saw"};
classes {escape(", ".join(report.classes))}; positive is {escape(report.positive)}. Intervals are of 95 %. {DISCLAIMER}</p>
<div class="tiles">{"".join(_tile(title, report.metrics[name]) for name, title in TILES.items())}</div>
<ul class="remarks">{listed}</ul>
<nav>{links}</nav>
{body}</body></html>
"""


def _how(draws: int, redrawn: int, seeds: int) -> str:
    spread = (
        " The seeds column holds mean and standard deviation, and the lowest and highest value, of models trained with different seeds."
    )
    return f"""<p class="soft">Intervals: percentiles of {draws:,} resamples of groups, not of images;
{redrawn:,} more lacked a class and were drawn again.
A share whose interval has no width or ends at 0 or 1 has the wider of it and Wilson's on
as many groups.{spread if seeds > 1 else ""}</p>"""


def _tile(title: str, interval: Interval) -> str:
    ends = "too few groups for an interval" if interval.says_nothing else f"{interval.low:.3f} to {interval.high:.3f}"
    return (
        f'<div class="tile"><span>{title}</span><strong>{interval.value:.3f}</strong><span class="ends">{ends}</span>{bar(interval)}</div>'
    )


def _patients(report: Report) -> dict[str, str]:
    people = report.patients
    if people is None:
        return {}
    counts = ", ".join(f"{count} {escape(label)}" for label, count in people.classes.items())
    left_out = [
        f"{people.mixed} patients whose images are of several classes" if people.mixed else "",
        f"{people.unknown} images of unknown patients" if people.unknown else "",
    ]
    without = f" Left out: {' and '.join(part for part in left_out if part)}." if any(left_out) else ""
    said = (
        f'<p class="soft">A patient (or slide) has the mean of the probabilities of its images, at the operating point that was chosen for '
        f"images; {counts}.{without} Intervals are over patients.</p>"
    )
    return {"Patients": said + patient_table(report, people)}


def _slices(report: Report) -> dict[str, str]:
    parts = [f"<h3>{escape(name.capitalize())}</h3>{slice_table(name, column)}" for name, column in report.slices.items()]
    return {"Slices": "".join(parts)} if parts else {}


def _robustness(report: Report, directory: Path) -> dict[str, str]:
    found = report.robustness
    if found is None:
        return {}
    said = (
        f'<p class="soft">{found.images} test images of {found.groups} groups, as even in class as they can be, corrupted '
        "and sent through the predictor that serves. AUC lost is against the same images as they are. After Hendrycks and Dietterich "
        "(ICLR 2019), with severities of our own: their numbers stand in brackets.</p>"
    )
    drawn = _figure(directory / "robustness.png", PLOTS["robustness.png"], wide=True)
    every = f"<details><summary>Every corruption and severity, in figures</summary>{robustness_table(found)}</details>"
    return {"Robustness": drawn + said + every}


def _plots(directory: Path, training: Path | None) -> str:
    drawn = [_figure(directory / name, caption) for name, caption in PLOTS.items() if name not in OWN_PLACE]
    if training:
        drawn.append(_figure(training, "Loss, accuracy and AUC of the chosen model by epoch", wide=True))
    return "".join(drawn)


def _figure(path: Path, caption: str, *, wide: bool = False) -> str:
    data, text = base64.b64encode(path.read_bytes()).decode(), escape(caption)
    picture = f'<img src="data:image/png;base64,{data}" alt="{text}">'
    return f"<figure{' class=full' if wide else ''}>{picture}<figcaption>{text}</figcaption></figure>"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
