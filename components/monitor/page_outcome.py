"""The part of the page that says how well the model does: what labels show, or what confidence lets expect."""

import html
from collections.abc import Mapping

from components.domain.report import Interval
from components.monitor.outcome import Estimate, Performance


def outcome_html(performance: Performance | None, estimate: Estimate | None) -> str:
    """Return tables of what was measured and estimated; "" where nothing was."""
    parts = []
    if performance and performance.metrics:
        rows = [
            [name, _told(each), *(_told(of[name]) if name in of else "-" for of in (performance.test, performance.differences))]
            for name, each in performance.metrics.items()
        ]
        of = f"{performance.images:,} of {performance.of:,} images, {performance.groups:,} groups"
        parts.append(_table(f"Measured with labels ({of})", ["Metric", "This window", "Test report", "Difference"], rows))
    if performance and performance.left_out:
        items = "".join(f"<li>{html.escape(note)}</li>" for note in performance.left_out)
        parts.append(f'<ul class="small">{items}</ul>')
    if estimate:
        estimated: Mapping[str, Interval] = {**estimate.metrics, "accuracy, by thresholded confidence": estimate.thresholded}
        rows = [[name, _told(each)] for name, each in estimated.items()]
        parts.append(_table("Estimated from confidence, without labels", ["Metric", "This window"], rows))
    return "".join(parts)


def _told(each: Interval) -> str:
    return f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]"


def _table(title: str, head: list[str], rows: list[list[str]]) -> str:
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h2>{html.escape(title)}</h2><div class='scroll'><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
