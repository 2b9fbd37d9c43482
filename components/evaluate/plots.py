"""The plots of a report, as PNG files at its root, where MLflow's compare page shows them side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from components.domain.artifacts import Dataset
from components.domain.metrics import ECE_BINS, Scored, confusion_matrix
from components.domain.report import Report
from components.evaluate.error_sheet import draw_errors
from components.evaluate.reliability_plots import draw_risk_coverage, draw_robustness
from components.evaluate.scoring import ModelScores
from components.evaluate.style import BLUE, GREY, RED, new_axes
from serving.predictor import Predictor

PLOTS = {
    "confusion_matrix.png": "Counts of true against predicted class at the operating point",
    "roc.png": "ROC of the positive class; thin lines are the other seeds",
    "pr.png": "Precision against recall of the positive class; thin lines are the other seeds",
    "calibration.png": "How often the most probable class is right, by its probability",
    "risk_coverage.png": "Share of wrong answers when only the surest images are answered; thin lines are the other seeds",
    "robustness.png": "What corruption of the images costs, by severity; 0 is the image as it is",
    "errors.png": "The most confident errors, and beside each what in it spoke for the class that was said",
}
"""File name and caption of every plot."""


def write_plots(models: list[ModelScores], dataset: Dataset, predictor: Predictor, *, report: Report, output: Path) -> None:
    """Write every plot of `PLOTS`.

    Args:
        models: the chosen one first.
        dataset: whose test split was scored.
        predictor: of the chosen bundle.
        report: of the chosen model, with its robustness.
        output: directory of the report.
    """
    chosen, others = models[0].scored, [model.scored for model in models[1:]]
    threshold = models[0].card.operating_point.threshold
    figures = {
        "confusion_matrix.png": _confusion(chosen, dataset.classes),
        "roc.png": _roc(chosen, others, models[0].card.positive, threshold),
        "pr.png": _pr(chosen, others, models[0].card.positive, threshold),
        "calibration.png": _calibration(chosen),
        "risk_coverage.png": draw_risk_coverage(models, report.metrics),
        "errors.png": draw_errors(chosen, dataset, predictor),
    }
    if report.robustness:
        figures["robustness.png"] = draw_robustness(report.robustness)
    for name, figure in figures.items():
        figure.savefig(output / name, dpi=110, bbox_inches="tight", facecolor="white", metadata={"Software": None})


def _confusion(scored: Scored, classes: Sequence[str]) -> Figure:
    counts = confusion_matrix(scored)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = new_axes("Confusion matrix", "predicted", "true")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes, rotation=90, va="center")
    for row, column in np.ndindex(counts.shape):
        ink = "white" if shares[row, column] > 0.6 else "black"
        axes.text(column, row, f"{counts[row, column]}\n{shares[row, column]:.0%}", ha="center", va="center", color=ink)
    return figure


def _roc(chosen: Scored, others: list[Scored], positive: str, threshold: float) -> Figure:
    figure, axes = new_axes(f"ROC ({positive})", "1 - specificity", "sensitivity")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    for scored in others:
        axes.plot(*roc_curve(*_truth(scored))[:2], color=GREY, linewidth=0.8)
    axes.plot(*roc_curve(*_truth(chosen))[:2], color=BLUE, linewidth=2, label="chosen model")
    truth, called = _truth(chosen)[0], chosen.predicted == chosen.positive
    axes.plot(called[~truth].mean(), called[truth].mean(), "o", color=RED, label=f"operating point {threshold:.2f}")
    axes.legend(loc="lower right", frameon=False)
    return figure


def _pr(chosen: Scored, others: list[Scored], positive: str, threshold: float) -> Figure:
    figure, axes = new_axes(f"Precision and recall ({positive})", "recall (sensitivity)", "precision")
    for scored in (*others, chosen):
        precision, recall, _ = precision_recall_curve(*_truth(scored))
        axes.plot(recall, precision, color=BLUE if scored is chosen else GREY, linewidth=2 if scored is chosen else 0.8)
    truth, called = _truth(chosen)[0], chosen.predicted == chosen.positive
    if called.any():
        axes.plot(called[truth].mean(), truth[called].mean(), "o", color=RED, label=f"operating point {threshold:.2f}")
        axes.legend(loc="lower left", frameon=False)
    axes.axhline(truth.mean(), color=GREY, linestyle=":", linewidth=1)
    axes.set_ylim(0, 1.05)
    return figure


def _calibration(scored: Scored) -> Figure:
    confidence = scored.probabilities.max(axis=1)
    correct = scored.probabilities.argmax(axis=1) == scored.labels
    places = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    figure, axes = new_axes("Calibration", "probability of the most probable class", "share that is right")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    filled = [index for index in range(ECE_BINS) if (places == index).any()]
    means = [(confidence[places == index].mean(), correct[places == index].mean(), int((places == index).sum())) for index in filled]
    axes.plot([x for x, _, _ in means], [y for _, y, _ in means], "o-", color=BLUE)
    for x, y, count in means:
        axes.annotate(f"n={count}", (x, y), textcoords="offset points", xytext=(4, -11), fontsize=7, color="#444444")
    axes.set(xlim=(1 / scored.probabilities.shape[1] - 0.05, 1.05), ylim=(-0.02, 1.05))
    return figure


def _truth(scored: Scored) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    return scored.labels == scored.positive, scored.probabilities[:, scored.positive]
