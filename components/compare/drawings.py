"""The drawings of the comparison page, as SVG that takes its colours from the page."""

from collections.abc import Sequence
from html import escape

import numpy as np
from sklearn.metrics import roc_curve

from components.compare.align import Entrant
from components.compare.compare import Pair
from components.compare.words import title
from components.domain.directions import direction
from components.domain.report import Interval

ROW, LEFT, RIGHT = 26, 190, 560
"""Pixels of the forest plot: height of a row, where the axis begins and ends."""
SIDE, EDGE = 300, 44
"""Pixels of the ROC plot: side of its square and the margin."""
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "10 4")
"""A line's pattern beside its colour, so that a print in grey can be read."""


def forest(pair: Pair, names: tuple[str, str], metrics: Sequence[str], deciding: Sequence[str]) -> str:
    """Draw the differences of a pair with their intervals: right of the middle speaks for the second model.

    Args:
        pair: of the comparison.
        names: short names of both models.
        metrics: rows, from the top; the log loss, which has no scale in common with shares, is left out.
        deciding: those drawn strong.
    """
    rows = [(name, _towards_second(name, pair.paired.differences[name].interval)) for name in metrics if name != "log_loss"]
    reach = max(0.01, *(max(abs(each.low), abs(each.high)) for _, each in rows)) * 1.05
    height = ROW * (len(rows) + 2)
    centre = (LEFT + RIGHT) / 2

    def place(value: float) -> float:
        return centre + value / reach * (RIGHT - LEFT) / 2

    lines = [
        f'<line x1="{centre}" y1="{ROW}" x2="{centre}" y2="{height - ROW}" class="zero"/>',
        f'<text x="{LEFT}" y="16" class="soft">&#8592; {escape(names[0])} better</text>',
        f'<text x="{RIGHT}" y="16" class="soft" text-anchor="end">{escape(names[1])} better &#8594;</text>',
    ]
    for index, (name, each) in enumerate(rows):
        y = ROW * (index + 1) + ROW / 2
        difference = pair.paired.differences[name]
        strong = "told" if difference.told else "open" if name in deciding else "side"
        lines.append(
            f'<g class="{strong}"><title>{escape(title(name))}: {difference.interval.value:+.3f} '
            f"[{difference.interval.low:+.3f}, {difference.interval.high:+.3f}]</title>"
            f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(title(name))}</text>'
            f'<line x1="{place(each.low):.1f}" y1="{y}" x2="{place(each.high):.1f}" y2="{y}"/>'
            f'<circle cx="{place(each.value):.1f}" cy="{y}" r="{5 if name in deciding else 3.5}"/></g>'
        )
    step = _step(reach)
    for count in range(-int(reach / step), int(reach / step) + 1):
        x = place(count * step)
        lines.append(
            f'<text x="{x:.1f}" y="{height - 8}" class="soft" text-anchor="middle">{f"{count * step:+.3g}" if count else "0"}</text>'
        )
        lines.append(f'<line x1="{x:.1f}" y1="{height - ROW}" x2="{x:.1f}" y2="{height - ROW + 5}" class="zero"/>')
    said = f"Differences of {names[1]} and {names[0]} with 95 % intervals"
    return f'<svg viewBox="0 0 {RIGHT + 20} {height}" class="forest" role="img" aria-label="{escape(said)}">{"".join(lines)}</svg>'


def roc(entrants: Sequence[Entrant], letters: str, colours: Sequence[int]) -> str:
    """Draw the ROC curves of the positive class over one another, each with its operating point.

    Args:
        entrants: the models.
        letters: one for each.
        colours: number of each one's colour and pattern.
    """
    far = EDGE + SIDE
    lines = [
        f'<rect x="{EDGE}" y="10" width="{SIDE}" height="{SIDE}" class="frame"/>',
        f'<line x1="{EDGE}" y1="{SIDE + 10}" x2="{far}" y2="10" class="zero" stroke-dasharray="3 4"/>',
        f'<text x="{EDGE + SIDE / 2}" y="{SIDE + 42}" text-anchor="middle" class="soft">1 - specificity</text>',
        f'<text x="14" y="{SIDE / 2 + 10}" text-anchor="middle" class="soft" transform="rotate(-90 14 {SIDE / 2 + 10})">sensitivity</text>',
    ]
    for share in (0.0, 0.5, 1.0):
        lines.append(f'<text x="{EDGE + share * SIDE}" y="{SIDE + 26}" text-anchor="middle" class="soft">{share:g}</text>')
        lines.append(f'<text x="{EDGE - 6}" y="{14 + SIDE - share * SIDE}" text-anchor="end" class="soft">{share:g}</text>')
    for index, (each, colour) in enumerate(zip(entrants, colours, strict=True)):
        scored = each.predictions.scored
        truth = scored.labels == scored.positive
        across, up, _ = roc_curve(truth, scored.probabilities[:, scored.positive])
        called = scored.predicted == scored.positive
        points = " ".join(f"{EDGE + x * SIDE:.1f},{10 + SIDE - y * SIDE:.1f}" for x, y in zip(across, up, strict=True))
        at = (EDGE + float(called[~truth].mean()) * SIDE, 10 + SIDE - float(called[truth].mean()) * SIDE)
        y = 10 + SIDE - 16 * (len(entrants) - index)
        lines.append(f'<polyline points="{points}" class="curve c{colour}" stroke-dasharray="{DASHES[colour]}"/>')
        lines.append(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="5" class="dot c{colour}"/>')
        lines.append(
            f'<line x1="{far - 70}" y1="{y}" x2="{far - 36}" y2="{y}" class="curve c{colour}" stroke-dasharray="{DASHES[colour]}"/>'
        )
        lines.append(f'<text x="{far - 28}" y="{y + 4}">{letters[index]}</text>')
    return f'<svg viewBox="0 0 {far + 16} {SIDE + 50}" class="roc" role="img" aria-label="ROC curves">{"".join(lines)}</svg>'


def _towards_second(name: str, interval: Interval) -> Interval:
    if direction(name):
        return interval
    return Interval(-interval.value, -interval.high, -interval.low)


def _step(reach: float) -> float:
    """Return a round distance of one to three ticks on each side."""
    rough = reach / 1.9
    power = float(10 ** np.floor(np.log10(rough)))
    return power * max(factor for factor in (1, 2, 5) if factor * power <= rough)
