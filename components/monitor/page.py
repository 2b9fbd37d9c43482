"""The page of a verdict, `drift.html`: our paragraph and table on top, Evidently's distributions below. One file, offline."""

import html
from pathlib import Path
from typing import TYPE_CHECKING

from components.monitor.examples import Examples
from components.monitor.page_outcome import outcome_html
from components.monitor.verdict import Detector, DriftVerdict, Status
from components.monitor.words import moment, side

if TYPE_CHECKING:
    from components.monitor.monitor import Judged

_STYLE = """
.lobule{font:16px/1.5 system-ui,sans-serif;color:#1d2433;background:#fff;max-width:68rem;margin:0 auto;padding:1.5rem}
.lobule h1{font-size:1.5rem;margin:0 0 .5rem}.lobule h2{font-size:1.1rem;margin:1.5rem 0 .25rem}
.lobule .verdict{border-left:.5rem solid #5b6577;background:#f3f5f8;padding:.75rem 1rem;margin:.75rem 0}
.lobule .drift{border-color:#b3261e;background:#fdf1f0}.lobule .calm{border-color:#1f7a4d;background:#eef8f2}
.lobule .scroll{overflow-x:auto}.lobule table{border-collapse:collapse;width:100%;font-size:.9rem}
.lobule th,.lobule td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9dee7;vertical-align:top}
.lobule td.number,.lobule th.number{text-align:right;font-variant-numeric:tabular-nums}
.lobule tr.drifted{background:#fdf1f0;font-weight:600}.lobule .small{font-size:.85rem;color:#4a5468}
"""
_CLASS = {Status.DRIFT: "verdict drift", Status.NO_DRIFT: "verdict calm", Status.TOO_LITTLE_DATA: "verdict"}


def write_page(judged: "Judged", path: Path) -> None:
    """Write the page; Evidently is asked only if something was compared."""
    from components.monitor.evidently_report import report_html

    verdict = judged.verdict
    block, title = summary_html(verdict), f"<title>Drift: {html.escape(verdict.model)}</title>"
    if any(detector.kind != "embedding" for detector in verdict.detectors):
        page = report_html(judged.reference, judged.current, verdict.detectors, alpha=verdict.alpha)
        head, body, rest = page.partition("<body>")
        if not body:
            raise ValueError("Evidently's page must hold <body>, but this version's does not; pin evidently==0.7.23")
        page = f"{head.replace('<head>', f'<head>{title}', 1)}{body}{block}{rest}"
    else:
        page = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8">{title}'
            f'<meta name="viewport" content="width=device-width"></head><body>{block}</body></html>'
        )
    path.write_text(page, encoding="utf-8")


def summary_html(verdict: DriftVerdict) -> str:
    """Return the verdict, its detectors and what was left out as one HTML section."""
    facts = [
        f"{verdict.images:,} images from {moment(verdict.first)} to {moment(verdict.last)}"
        + (f", {verdict.compared:,} of them compared" if verdict.compared < verdict.images else ""),
        f"{verdict.reference_images:,} reference images",
        *([verdict.volume.sentence()] if verdict.volume else []),
        f"chance of a false alarm {verdict.alpha:.1%}",
        f"{verdict.bundle[:19]}...",
    ]
    left = verdict.left_out.sentences() + [f"unreadable file {name}" for name in verdict.left_out.unreadable[:5]]
    left += [f"{column.name}: {column.reason}" for column in verdict.not_watched]
    items = "".join(f"<li>{html.escape(note)}</li>" for note in left)
    notes = f'<h2>Left out, and not watched</h2><ul class="small">{items}</ul>' if items else ""
    return (
        f'<section class="lobule"><style>{_STYLE}</style><h1>{html.escape(verdict.model)}: {verdict.headline}</h1>'
        f'<p class="{_CLASS[Status.DRIFT if verdict.alarm else verdict.status]}">{html.escape(verdict.text)}</p>'
        f'<p class="small">{html.escape("; ".join(facts))}</p>'
        f"{outcome_html(verdict.performance, verdict.estimate)}"
        f"{_grouping(verdict.detectors)}"
        f"{_table(verdict.detectors) if verdict.detectors else ''}"
        f"{_examples(verdict.examples) if verdict.drifted else ''}"
        f"{notes}</section>"
    )


def _examples(examples: Examples) -> str:
    """Return the images to look at as a table."""
    rows = [
        f"<tr><td>{kind}</td><td><code>{html.escape(each.request_id)}</code></td><td>{moment(each.time)}</td>"
        f'<td class="number">{each.departure:.1f}</td><td><code>{html.escape(each.nearest)}</code></td></tr>'
        for kind, chosen in (("most drifted", examples.drifted), ("most usual", examples.usual))
        for each in chosen
    ]
    head = '<tr><th></th><th>Request</th><th>Time</th><th class="number">Departure</th><th>Most alike in the reference</th></tr>'
    return (
        f"<h2>Images to look at</h2><div class='scroll'><table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"
        '<p class="small">Departure: how far an image departs the way the window drifted, in standard deviations of the reference. '
        "The log holds no pixels: find an image where you kept it, by its request id.</p>"
    )


def _grouping(detectors: tuple[Detector, ...]) -> str:
    largest = max((detector.design_effect for detector in detectors), default=1.0)
    if largest <= 1:
        return ""
    return (
        '<p class="small">Images of one patient or slide resemble each other; this window is presumed to come in groups like the '
        f"reference's, so that its images tell up to {largest:.1f} times less than as many independent ones.</p>"
    )


def _table(detectors: tuple[Detector, ...]) -> str:
    head = (
        '<tr><th>Watched</th><th>Verdict</th><th class="number">p, corrected</th><th class="number">Effect, 0 to 1</th>'
        "<th>Reference</th><th>This window</th></tr>"
    )
    return (
        f"<div class='scroll'><table><thead>{head}</thead><tbody>{''.join(_row(detector) for detector in detectors)}</tbody></table></div>"
    )


def _row(detector: Detector) -> str:
    kind, said = ("drifted", "drift") if detector.drifted else ("", "as every week" if detector.seasonal else "no drift")
    return (
        f'<tr class="{kind}"><td>{html.escape(detector.words)}</td><td>{said}</td><td class="number">{detector.corrected:.2g}</td>'
        f'<td class="number">{detector.effect:.2f}</td><td>{html.escape(side(detector.reference))}</td>'
        f"<td>{html.escape(side(detector.current))}</td></tr>"
    )
