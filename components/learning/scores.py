"""The validation metrics that training watches: loss, accuracy and AUC from logits."""

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

Floats = npt.NDArray[np.float32]
Targets = npt.NDArray[np.int64]


def softmax(logits: Floats) -> npt.NDArray[np.float64]:
    """Return probabilities float64 [N, K] of logits [N, K]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def auc(probabilities: npt.NDArray[np.float64], targets: Targets) -> float:
    """Return the area under the ROC curve; with more than two classes the mean over classes, each against the rest.

    Args:
        probabilities: float [N, K].
        targets: class indices, int [N]; every class must occur.
    """
    if probabilities.shape[1] == 2:
        return float(roc_auc_score(targets, probabilities[:, 1]))
    return float(roc_auc_score(targets, probabilities, multi_class="ovr", average="macro", labels=np.arange(probabilities.shape[1])))


def validation_scores(logits: Floats, targets: Targets) -> dict[str, float]:
    """Return `val_loss` (cross-entropy in nats), `val_accuracy` and `val_auc` of logits [N, K] against targets [N].

    Raises:
        FloatingPointError: if the training has diverged, so that logits are not finite.
    """
    if not np.isfinite(logits).all():
        raise FloatingPointError("the training diverged: its outputs are not finite")
    probabilities = softmax(logits)
    chosen = probabilities[np.arange(len(targets)), targets]
    return {
        "val_loss": float(-np.log(np.maximum(chosen, 1e-12)).mean()),
        "val_accuracy": float((probabilities.argmax(axis=1) == targets).mean()),
        "val_auc": auc(probabilities, targets),
    }


def balanced_weights(targets: Targets, classes: int) -> Floats:
    """Return one weight per class, inverse to its frequency, with mean 1 over the images: float32 [K]."""
    counts = np.bincount(targets, minlength=classes)
    return np.asarray(len(targets) / (classes * np.maximum(counts, 1)), dtype=np.float32)
