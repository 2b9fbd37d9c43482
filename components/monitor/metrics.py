"""What a verdict leaves in the run: numbers that can be plotted from window to window."""

from components.monitor.outcome import outcome_metrics
from components.monitor.verdict import DriftVerdict, Status


def drift_metrics(verdict: DriftVerdict) -> dict[str, float]:
    """Return the verdict as metrics.

    Returns:
        `drift` (1 or 0), `drift_images`, `drift_columns` that drifted, the largest effect and the smallest corrected p-value of all
        detectors, and `drift_effect_<column>` of each; only `drift_images` when there is too little data. Beside them
        `labelled_<metric>` and `estimated_<metric>` with the ends of their intervals, where they are known.
    """
    outcome = outcome_metrics(verdict.performance, verdict.estimate)
    if verdict.status is Status.TOO_LITTLE_DATA:
        return {"drift_images": float(verdict.images), **outcome}
    return {
        "drift": float(verdict.status is Status.DRIFT),
        "drift_images": float(verdict.images),
        "drift_columns": float(len(verdict.drifted)),
        "drift_largest_effect": max(detector.effect for detector in verdict.detectors),
        "drift_smallest_p": min(detector.corrected for detector in verdict.detectors),
        **{f"drift_effect_{detector.name}": detector.effect for detector in verdict.detectors},
        **outcome,
    }
