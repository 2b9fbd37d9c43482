"""Performance without labels: what calibrated confidence says it is, with an error that can be stated.

A calibrated probability is the expected share of right answers, so their mean over a window is its expected accuracy, and likewise
for sensitivity and specificity at the operating point. What the same sum misses on the test images, where labels are known, is
added (difference of confidences: Guillory et al., ICCV 2021). Beside it stands the share of images above the confidence below
which lie as many test images as the model gets wrong (average thresholded confidence: Garg et al., ICLR 2022); where the two
disagree, neither should be believed.

The error: both sets are resampled (test images by group; the window as if it came in groups of the same size), and the interval
is widened on both sides by the calibration error on the test images. It holds as long as a score means what it meant there. If
the images change so that it does not (a new class, another protocol), no estimate without labels can know (Garg et al., section 3).
"""

import numpy as np

from components.domain.bootstrap import HIGH, LOW, Resamples
from components.domain.metrics import Floats, Ints, Scored, calibration_error
from components.domain.predictions import Predictions
from components.domain.report import Interval
from components.monitor.answers import Answers
from components.monitor.groups import group_size
from components.monitor.outcome import Estimate

KEPT = 2000
"""Answers of the window that are resampled; the estimate itself is over all of them."""


def estimate_window(answers: Answers, test: Predictions, *, draws: int = 1000, seed: int = 0) -> Estimate:
    """Estimate accuracy, sensitivity and specificity of a window that has no labels.

    Args:
        answers: of the window, at least one.
        test: the same model's predictions on its test split, with labels.
        draws: resamples.
        seed: of them.
    """
    scored, size = test.scored, group_size(test.groups)
    random = np.random.default_rng(seed)
    rows = np.arange(len(answers))
    kept = rows if len(rows) <= KEPT else np.sort(random.choice(rows, KEPT, replace=False))
    independent = max(1, round(len(answers) / size))
    one = np.ones((1, len(scored.labels)))
    value = _values(scored, answers.probabilities, answers.predicted, one, np.ones((1, len(answers))))
    blocks = []
    for weights in Resamples(test.groups, scored.labels, draws=draws, seed=seed):
        drawn = random.multinomial(independent, np.full(len(kept), 1 / len(kept)), size=len(weights)).astype(np.float64)
        blocks.append(_values(scored, answers.probabilities[kept], answers.predicted[kept], weights, drawn))
    error = float(calibration_error(scored, one)[0])
    metrics = {}
    for name, estimated in value.items():
        low, high = np.percentile(np.concatenate([block[name] for block in blocks]), (LOW, HIGH))
        middle = float(np.clip(estimated[0], 0, 1))
        ends = (min(middle, float(low)) - error, max(middle, float(high)) + error)
        metrics[name] = Interval(middle, float(np.clip(ends[0], 0, 1)), float(np.clip(ends[1], 0, 1)))
    thresholded = metrics.pop("thresholded")
    return Estimate(len(answers), metrics, thresholded, error, len(test.ids), len(set(test.groups)))


def _values(scored: Scored, probabilities: Floats, predicted: Ints, weights: Floats, drawn: Floats) -> dict[str, Floats]:
    """Return the estimates under each pair of rows of weights: of the test images [B, n] and of the window [B, N]."""
    positive = scored.positive
    expected = _expected(_sums(probabilities, predicted, positive), drawn)
    believed = _expected(_sums(scored.probabilities, scored.predicted, positive), weights)
    real = _real(scored, weights)
    values = {name: expected[name] + real[name] - believed[name] for name in real}
    return values | {"thresholded": _thresholded(scored, probabilities, weights, drawn)}


def _sums(probabilities: Floats, predicted: Ints, positive: int) -> Floats:
    """Return per image what is summed, [N, 5]: chance to be right; malignant and called so, malignant; benign and not called, benign."""
    score, called = probabilities[:, positive], predicted == positive
    own = probabilities[np.arange(len(predicted)), predicted]
    return np.stack([own, score * called, score, (1 - score) * ~called, 1 - score], axis=1)


def _expected(sums: Floats, weights: Floats) -> dict[str, Floats]:
    right, found, malignant, spared, benign = (weights @ sums).T
    return {
        "accuracy": right / weights.sum(axis=1),
        "sensitivity": found / np.maximum(malignant, 1e-12),
        "specificity": spared / np.maximum(benign, 1e-12),
    }


def _real(scored: Scored, weights: Floats) -> dict[str, Floats]:
    truth, called = scored.labels == scored.positive, scored.predicted == scored.positive
    parts = [scored.predicted == scored.labels, truth & called, truth, ~truth & ~called, ~truth]
    return _expected(np.stack(parts, axis=1).astype(np.float64), weights)


def _thresholded(scored: Scored, probabilities: Floats, weights: Floats, drawn: Floats) -> Floats:
    """Return the accuracy by the thresholded confidence, [B]."""
    confidence = scored.probabilities.max(axis=1)
    order = np.argsort(confidence, kind="stable")
    below = np.cumsum(weights[:, order], axis=1)
    wrong = weights @ (scored.predicted != scored.labels).astype(np.float64)
    place = (below <= wrong[:, None] + 1e-9).sum(axis=1)
    limits = np.append(confidence[order], np.inf)[place]
    ours = np.sort(probabilities.max(axis=1))
    ranked = drawn[:, np.argsort(probabilities.max(axis=1), kind="stable")]
    under = np.concatenate([np.zeros((len(drawn), 1)), np.cumsum(ranked, axis=1)], axis=1)
    share: Floats = 1 - under[np.arange(len(drawn)), np.searchsorted(ours, limits, side="left")] / drawn.sum(axis=1)
    return share
