"""The metrics of a classifier, for many weightings of the same images at once.

A bootstrap resample is a row of weights (how often each image was drawn), so that one sorted pass gives a metric for a
thousand resamples, and a metric's value and its interval come from the same lines. With weights of 1 they agree with
scikit-learn's, which the tests check. Only numpy: evaluation and the gate share them.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.domain.errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HIGHER_IS_BETTER = {
    "auc": True,
    "auc_positive": True,
    "average_precision": True,
    "sensitivity": True,
    "specificity": True,
    "precision": True,
    "f1": True,
    "accuracy": True,
    "balanced_accuracy": True,
    "kappa": True,
    "brier": False,
    "ece": False,
    "log_loss": False,
}
"""Every metric of `measure`, and its direction."""

CLASS_METRICS = ("recall", "precision", "f1", "specificity", "auc", "average_precision")
"""Every metric of `measure_classes`."""

ECE_BINS = 10
_LEAST = 1e-7  # about the float32 epsilon: the logarithm of a score that was rounded to 0 stays finite
WORST_LOG_LOSS = -math.log(_LEAST)
"""Largest value of the log loss: every image's true class scored 0."""


@dataclass(frozen=True)
class Scored:
    """Images with their labels and what a model says of them.

    Attributes:
        labels: class index, int64 [N].
        probabilities: calibrated, float64 [N, K]; each row sums to 1.
        predicted: class index at the operating point, int64 [N].
        positive: index of the class whose sensitivity counts.
    """

    labels: Ints
    probabilities: Floats
    predicted: Ints
    positive: int

    def __post_init__(self) -> None:
        count, classes = self.probabilities.shape
        if not count or self.labels.shape != (count,) or self.predicted.shape != (count,):
            raise InputError(
                f"labels, probabilities and predictions must be of equal length above 0, but got {self.labels.shape[0]}, {count} and "
                f"{self.predicted.shape[0]}; score every image once"
            )
        missing = sorted(set(range(classes)) - set(self.labels.tolist()))
        if missing or not 0 <= self.positive < classes:
            raise InputError(f"every class must have an image to measure on, but class {missing} has none; use a larger split")
        if not np.isfinite(self.probabilities).all():
            raise InputError("probabilities must be finite, but some are not; train the model again")


def measure(scored: Scored, weights: Floats) -> dict[str, Floats]:
    """Measure a model under each row of weights.

    Accuracy, F1, precision, sensitivity and specificity are those of the prediction that the service gives, at the operating
    point; F1, precision, sensitivity, specificity and average precision are of the positive class against the rest. `auc` is the
    mean over classes of one against the rest (for two classes: the positive class's). Brier and log loss are over all classes, Brier
    halved for two (as in scikit-learn); `ece` is the expected calibration error of the largest score, 10 equal bins
    (Naeini et al., AAAI 2015). `kappa` is Cohen's, of true and predicted class (Educ. Psychol. Meas. 20 (1960) 37); 0 where all
    images are of one class and predicted so.

    Args:
        scored: labels and scores of N images.
        weights: not negative, float64 [B, N]; each row must give every class some weight.

    Returns:
        float64 [B] for each name in `HIGHER_IS_BETTER`.
    """
    probabilities, labels, predicted = scored.probabilities, scored.labels, scored.predicted
    classes = probabilities.shape[1]
    total = weights.sum(axis=1)
    truth = labels == scored.positive
    called = predicted == scored.positive
    true_positive = weights @ (truth & called).astype(float)
    positives = weights @ truth.astype(float)
    calls = weights @ called.astype(float)
    hits = _one_hot(labels, classes) * (predicted == labels)[:, None]
    recalls = (weights @ hits) / (weights @ _one_hot(labels, classes))
    auc_positive = auc(probabilities[:, scored.positive], truth, weights)
    others = [auc(probabilities[:, index], labels == index, weights) for index in range(classes)] if classes > 2 else [auc_positive]
    squares = ((probabilities - _one_hot(labels, classes)) ** 2).sum(axis=1)
    right = (weights @ (predicted == labels).astype(float)) / total
    own = np.clip(probabilities[np.arange(len(labels)), labels], _LEAST, 1.0)
    return {
        "auc": np.mean(others, axis=0),
        "auc_positive": auc_positive,
        "average_precision": average_precision(probabilities[:, scored.positive], truth, weights),
        "sensitivity": true_positive / positives,
        "specificity": (weights @ (~truth & ~called).astype(float)) / (total - positives),
        "precision": _ratio(true_positive, calls),
        "f1": 2 * true_positive / (positives + calls),
        "accuracy": right,
        "balanced_accuracy": recalls.mean(axis=1),
        "kappa": kappa(right, chance_agreement(scored, weights)),
        "brier": (weights @ squares) / total / (2 if classes == 2 else 1),
        "ece": calibration_error(scored, weights),
        "log_loss": (weights @ -np.log(own)) / total,
    }


def measure_classes(scored: Scored, weights: Floats) -> dict[str, Floats]:
    """Return the metrics of `CLASS_METRICS` of every class against the rest under each row of weights.

    The precision of a class that is never predicted is 0, as in scikit-learn.

    Returns:
        float64 [B] by `<class index>.<metric>`.
    """
    result: dict[str, Floats] = {}
    for index in range(scored.probabilities.shape[1]):
        truth, called, scores = scored.labels == index, scored.predicted == index, scored.probabilities[:, index]
        both = weights @ (truth & called).astype(float)
        own, calls = weights @ truth.astype(float), weights @ called.astype(float)
        others = weights @ (~truth).astype(float)
        values = (
            both / own,
            _ratio(both, calls),
            2 * both / (own + calls),
            (weights @ (~truth & ~called).astype(float)) / others,
            auc(scores, truth, weights),
            average_precision(scores, truth, weights),
        )
        result |= {f"{index}.{name}": value for name, value in zip(CLASS_METRICS, values, strict=True)}
    return result


def chance_agreement(scored: Scored, weights: Floats) -> Floats:
    """Return how often true and predicted class would agree if they were independent, under each row of weights: float64 [B]."""
    classes = scored.probabilities.shape[1]
    true, said = weights @ _one_hot(scored.labels, classes), weights @ _one_hot(scored.predicted, classes)
    result: Floats = (true * said).sum(axis=1) / weights.sum(axis=1) ** 2
    return result


def kappa(agreement: Floats, by_chance: Floats) -> Floats:
    """Return the share of the agreement beyond chance that is reached; 0 where chance leaves nothing to reach."""
    return _ratio(agreement - by_chance, 1.0 - by_chance)


def confusion_matrix(scored: Scored) -> Ints:
    """Count images by true (row) and predicted (column) class, int64 [K, K]."""
    classes = scored.probabilities.shape[1]
    return np.bincount(scored.labels * classes + scored.predicted, minlength=classes**2).reshape(classes, classes)


def auc(scores: Floats, truth: npt.NDArray[np.bool_], weights: Floats) -> Floats:
    """Return the area under the ROC curve under each row of weights: the chance that a true image scores above another, ties half.

    Args:
        scores: float64 [N].
        truth: bool [N].
        weights: float64 [B, N].
    """
    positive, negative = _tied(scores, truth, weights)
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + negative / 2)).sum(axis=1)
    result: Floats = wins / (positive.sum(axis=1) * negative.sum(axis=1))
    return result


def average_precision(scores: Floats, truth: npt.NDArray[np.bool_], weights: Floats) -> Floats:
    """Return the mean precision over recall steps, from the highest score down; shapes as `auc`."""
    positive, negative = (part[:, ::-1] for part in _tied(scores, truth, weights))
    found = np.cumsum(positive, axis=1)
    precision = _ratio(found, found + np.cumsum(negative, axis=1))
    result: Floats = (precision * positive).sum(axis=1) / positive.sum(axis=1)
    return result


def calibration_error(scored: Scored, weights: Floats) -> Floats:
    """Return the expected calibration error of the largest score, float64 [B]."""
    confidence = scored.probabilities.max(axis=1)
    correct = scored.probabilities.argmax(axis=1) == scored.labels
    bins = _one_hot(np.minimum((confidence * ECE_BINS).astype(np.int64), ECE_BINS - 1), ECE_BINS)
    result: Floats = np.abs(weights @ (bins * (correct - confidence)[:, None])).sum(axis=1) / weights.sum(axis=1)
    return result


def _tied(scores: Floats, truth: npt.NDArray[np.bool_], weights: Floats) -> tuple[Floats, Floats]:
    """Return the weight of true and of other images at each distinct score, in rising order: twice float64 [B, distinct]."""
    order = np.argsort(scores, kind="stable")
    ranked = weights[:, order]
    starts = np.flatnonzero(np.concatenate(([True], np.diff(scores[order]) > 0)))
    positive: Floats = np.add.reduceat(ranked * truth[order], starts, axis=1)
    return positive, np.add.reduceat(ranked, starts, axis=1) - positive


def _one_hot(values: Ints, count: int) -> Floats:
    return np.eye(count)[values]


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Divide; nothing of nothing is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
