"""Confusion matrix and ROC curve as plain lists, for pipeline front ends that draw them themselves."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_curve

from components.domain.metrics import confusion_matrix
from components.domain.predictions import read_predictions
from components.domain.report import Report

MOST_POINTS = 200
"""A curve's points travel in the metadata of the artifact, which is no place for thousands."""


@dataclass(frozen=True)
class Curves:
    """Counts by true (row) and predicted (column) class; the ROC curve of the positive class, rates in [0, 1]."""

    confusion: list[list[int]]
    false_positive_rate: list[float]
    true_positive_rate: list[float]
    threshold: list[float]


def classification_curves(directory: Path, report: Report) -> Curves:
    """Return the curves of the chosen model, from the report's `predictions.parquet`.

    Every number is finite: the threshold above all scores, infinite in scikit-learn, is given as 1.
    """
    scored = read_predictions(directory, report).scored
    truth, scores = scored.labels == scored.positive, scored.probabilities[:, scored.positive]
    rates = roc_curve(truth, scores)
    kept = np.unique(np.linspace(0, len(rates[0]) - 1, min(len(rates[0]), MOST_POINTS)).astype(int))
    false_positive, true_positive, threshold = (np.minimum(values[kept], 1.0).tolist() for values in rates)
    return Curves(confusion_matrix(scored).tolist(), false_positive, true_positive, threshold)
