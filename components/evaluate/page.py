"""`report.html`: the report as one page that needs nothing else, in light and dark."""

import base64
from html import escape
from pathlib import Path

from components.domain.intervals import FEWEST_GROUPS
from components.domain.metrics import HIGHER_IS_BETTER
from components.domain.report import Interval, Report
from components.domain.selective import SELECTIVE_HIGHER_IS_BETTER
from components.evaluate.plots import PLOTS
from serving.contract import DISCLAIMER

PAGE_FILE = "report.html"
TOO_FEW = f"Too few groups for an interval: every class needs {FEWEST_GROUPS}. The brackets hold the whole range of each metric."
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
    "kappa": "Cohen's: agreement of true and predicted class beyond chance, 1 at most",
    "brier": "mean squared error of the probabilities; lower is better",
    "ece": "expected calibration error of the largest probability; lower is better",
    "log_loss": "mean negative logarithm of the true class's probability; lower is better",
    "coverage": "share of images that the service answers rather than abstains from",
    "selective_accuracy": "share of the answered images whose class is right",
    "out_of_distribution": "share of images that the service refuses as unlike any it learnt from; the limit's false alarms",
    "aurc": "area under the share of wrong answers against coverage, surest answers first; lower is better",
}
_STYLE = """
:root { color-scheme: light dark; --ink: #1a1c1e; --soft: #5b6168; --paper: #ffffff; --line: #d9dde1; --warn: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #a4abb3; --paper: #15181b; --line: #343a40; --warn: #ff8a80; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
body { max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1.05rem; margin-top: 2rem; }
.headline { font-size: clamp(1.6rem, 6vw, 2.6rem); font-weight: 600; margin: .4rem 0 0; font-variant-numeric: tabular-nums; }
.soft { color: var(--soft); } .warn { color: var(--warn); font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
td.n { white-space: nowrap; } td.soft { min-width: 15rem; }
figure { margin: 0; } figcaption { color: var(--soft); font-size: .85rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1.2rem; }
.plots img { width: 100%; background: #fff; border-radius: 6px; } .plots .full { grid-column: 1 / -1; }
code { overflow-wrap: anywhere; }
"""


def write_page(report: Report, directory: Path, *, draws: int, redrawn: int) -> None:
    """Write `report.html` beside the plots, which are copied into it.

    Args:
        report: what is shown.
        directory: holds the plots.
        draws: resamples of the bootstrap.
        redrawn: resamples that lacked a class.
    """
    (directory / PAGE_FILE).write_text(render(report, directory, draws=draws, redrawn=redrawn), encoding="utf-8")


def render(report: Report, directory: Path, *, draws: int, redrawn: int) -> str:
    """Return the page."""
    auc = report.metrics["auc"]
    leak = (
        '<p class="warn">The data was split by a protocol that leaks: these figures are too good, and the model never becomes champion.</p>'
    )
    oracle = (
        '<p class="warn">Every image was cut down to its lesion mask, which nobody has at prediction time: these figures are those of an '
        "oracle, and the model never becomes champion.</p>"
    )
    few = f'<p class="warn">{TOO_FEW}</p>' if auc.says_nothing else ""
    plots = "".join(_plot(directory / name, caption) for name, caption in PLOTS.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation of {escape(report.recipe)}</title><style>{_STYLE}</style></head><body>
<h1>Evaluation of {escape(report.recipe)} on the test split</h1>
<p class="headline">AUC {_figure(auc)}</p>
<p class="soft">{report.images} images in {report.groups} groups{"" if report.leaking else " that no training saw"};
classes {escape(", ".join(report.classes))}; positive is {escape(report.positive)}. In brackets 95 % intervals. {DISCLAIMER}</p>
{leak if report.leaking else ""}{oracle if report.oracle else ""}{few}
<h2>Metrics</h2><div class="wide"><table><tr><th>metric</th><th>value</th><th>{len(report.seeds["auc"])} seeds</th><th>meaning</th></tr>
{"".join(_row(report, name) for name in (*HIGHER_IS_BETTER, *SELECTIVE_HIGHER_IS_BETTER))}</table></div>
<p class="soft">Intervals: percentiles of {draws:,} resamples of groups, not of images;
{redrawn:,} more lacked a class and were drawn again.
A share whose interval has no width or ends at 0 or 1 has the wider of it and Wilson's on as many groups.
The seeds column holds the lowest and highest value among models trained with different seeds.</p>
<h2>Classes</h2><div class="wide"><table><tr><th>class</th><th>recall</th><th>precision</th></tr>
{"".join(_class_row(label, part) for label, part in report.per_class.items())}</table></div>
<h2>Plots</h2><div class="plots">{plots}</div>
<h2>Identity</h2><div class="wide"><table>
{"".join(f"<tr><th>{name}</th><td><code>{getattr(report, name)}</code></td></tr>" for name in ("bundle", "dataset", "certificate", "test"))}
</table></div></body></html>
"""


def _figure(interval: Interval) -> str:
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _row(report: Report, name: str) -> str:
    seeds = report.seeds.get(name, [])
    spread = f"{min(seeds):.3f} to {max(seeds):.3f}" if len(seeds) > 1 else ""
    return (
        f'<tr><th>{name}</th><td class="n">{_figure(report.metrics[name])}</td><td class="n">{spread}</td>'
        f'<td class="soft">{MEANINGS[name]}</td></tr>'
    )


def _class_row(label: str, part: dict[str, Interval]) -> str:
    return f'<tr><th>{escape(label)}</th><td class="n">{_figure(part["recall"])}</td><td class="n">{_figure(part["precision"])}</td></tr>'


def _plot(path: Path, caption: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    wide = ' class="full"' if path.name == "errors.png" else ""
    return (
        f'<figure{wide}><img src="data:image/png;base64,{data}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
    )
