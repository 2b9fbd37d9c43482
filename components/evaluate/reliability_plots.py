"""Plots of when to believe the model: risk against coverage, and what corruption costs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from components.domain.report import Interval, Robustness
from components.domain.selective import risk_coverage
from components.evaluate.scoring import ModelScores
from components.evaluate.style import BLUE, GREY, LINES, RED, new_axes

SHOWN = {"auc_positive": "AUC", "sensitivity": "sensitivity", "coverage": "share answered"}
"""Panels of the robustness plot: metric and title."""


def draw_risk_coverage(models: Sequence[ModelScores], metrics: Mapping[str, Interval]) -> Figure:
    """Draw the share of wrong answers against the share that is answered, surest first; the dot is what the service does.

    Args:
        models: the chosen one first.
        metrics: of the chosen one.
    """
    figure, axes = new_axes("Risk and coverage", "share of images answered", "share of wrong answers")
    for model in models[1:]:
        axes.plot(*risk_coverage(model.scored, model.card.operating_point.threshold), color=GREY, linewidth=0.8)
    chosen = models[0]
    coverage, risk = risk_coverage(chosen.scored, chosen.card.operating_point.threshold)
    axes.plot(coverage, risk, color=BLUE, linewidth=2, label=f"chosen model, area {metrics['aurc'].value:.3f}")
    axes.axvline(chosen.validation_coverage, color=GREY, linestyle=":", linewidth=1, label="answered on validation")
    answered = metrics["coverage"].value
    if answered:
        axes.plot(answered, 1 - metrics["selective_accuracy"].value, "o", color=RED, label="the service on test")
    axes.set(xlim=(0, 1.02), ylim=(0, max(0.05, 1.15 * float(risk.max()))))
    axes.legend(loc="upper left", frameon=False)
    return figure


def draw_robustness(found: Robustness) -> Figure:
    """Draw AUC, sensitivity and the share that is answered against severity, one line a corruption; 0 is the image as it is."""
    figure = Figure(figsize=(12, 3.9), layout="constrained")
    panels = figure.subplots(1, len(SHOWN), sharey=True)
    for axes, (metric, title) in zip(panels, SHOWN.items(), strict=True):
        for (kind, levels), (colour, dashes) in zip(found.corrupted.items(), LINES, strict=False):
            severities = [0, *sorted(levels)]
            values = [found.clean[metric].value, *(levels[severity][metric].value for severity in severities[1:])]
            axes.plot(severities, values, color=colour, linestyle=dashes, marker=".", linewidth=1.6, label=kind)
        axes.set(title=title, xlabel="severity", xticks=severities, ylim=(-0.02, 1.03))
        axes.set_yticks(np.linspace(0, 1, 6))
        axes.grid(axis="y", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].axhline(0.5, color=GREY, linestyle=":", linewidth=1)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    return figure
