"""What abstaining costs and gains: metrics of a service that may decline to answer, for many weightings of the same images at once.

The risk-coverage curve and its area are those of El-Yaniv and Wiener (J. Mach. Learn. Res. 11 (2010) 1605) and Geifman et al.
(ICLR 2019): images are answered in falling order of sureness, and the share of wrong answers among them is drawn against the share
that is answered.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.domain.metrics import Floats, Scored
from serving.contract import Verdict

COVERAGE = "coverage"
SELECTIVE_HIGHER_IS_BETTER = {COVERAGE: True, "selective_accuracy": True, "out_of_distribution": False, "aurc": False}
"""Every metric of `measure_selective`, and its direction."""


def sureness(scored: Scored, threshold: float) -> Floats:
    """Return how far each image is from being declined, float64 [N]; higher is surer.

    With two classes that is the distance of the positive probability from the threshold, with more the largest probability: what the
    service's own limits `margin` and `min_confidence` look at.
    """
    if scored.probabilities.shape[1] == 2:
        distance: Floats = np.abs(scored.probabilities[:, scored.positive] - threshold)
        return distance
    largest: Floats = scored.probabilities.max(axis=1)
    return largest


def measure_selective(scored: Scored, verdicts: Sequence[Verdict], threshold: float, weights: Floats) -> dict[str, Floats]:
    """Measure a service that may decline, under each row of weights.

    Args:
        scored: labels and scores of N images.
        verdicts: of the service, length N.
        threshold: of the operating point.
        weights: not negative, float64 [B, N].

    Returns:
        float64 [B] each: `coverage` (share that is answered), `selective_accuracy` (share of the answered images whose class is
        right, 0 where none is answered), `out_of_distribution` (share refused as unlike any seen), `aurc` (area under the
        risk-coverage curve, lower is better; 0 only where no answer is wrong).
    """
    accepted = np.array([verdict is Verdict.ACCEPT for verdict in verdicts], dtype=np.float64)
    refused = np.array([verdict is Verdict.OUT_OF_DISTRIBUTION for verdict in verdicts], dtype=np.float64)
    right = (scored.predicted == scored.labels).astype(np.float64)
    total, answered = weights.sum(axis=1), weights @ accepted
    hits = weights @ (accepted * right)
    return {
        COVERAGE: answered / total,
        "selective_accuracy": np.divide(hits, answered, out=np.zeros_like(hits), where=answered > 0),
        "out_of_distribution": (weights @ refused) / total,
        "aurc": _area(sureness(scored, threshold), 1.0 - right, weights),
    }


def selective_parts(verdicts: Sequence[Verdict]) -> dict[str, npt.NDArray[np.bool_]]:
    """Return the images that each metric of `measure_selective` is a share of, bool [N]."""
    everything = np.ones(len(verdicts), dtype=np.bool_)
    accepted = np.array([verdict is Verdict.ACCEPT for verdict in verdicts], dtype=np.bool_)
    return {name: accepted if name == "selective_accuracy" else everything for name in SELECTIVE_HIGHER_IS_BETTER}


def risk_coverage(scored: Scored, threshold: float) -> tuple[Floats, Floats]:
    """Return the curve: coverage and share of wrong answers after each distinct sureness, surest first; float64 [distinct] each."""
    answered, wrong = _cumulative(
        sureness(scored, threshold), (scored.predicted != scored.labels).astype(float), np.ones((1, len(scored.labels)))
    )
    return answered[0] / answered[0, -1], wrong[0] / answered[0]


def _cumulative(sure: Floats, wrong: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the weight answered and the weight of wrong answers after each distinct sureness: equally sure images come together."""
    order = np.argsort(-sure, kind="stable")
    ranked = weights[:, order]
    ends: npt.NDArray[np.int64] = np.flatnonzero(np.append(np.diff(sure[order]) < 0, True))
    return np.cumsum(ranked, axis=1)[:, ends], np.cumsum(ranked * wrong[order], axis=1)[:, ends]


def _area(sure: Floats, wrong: Floats, weights: Floats) -> Floats:
    """Return the mean risk over all coverages, as steps: each image's weight times the risk when it is answered."""
    answered, mistakes = _cumulative(sure, wrong, weights)
    steps = np.diff(answered, axis=1, prepend=0.0)
    risk = np.divide(mistakes, answered, out=np.zeros_like(mistakes), where=answered > 0)
    area: Floats = (steps * risk).sum(axis=1) / weights.sum(axis=1)
    return area
