"""Which way every metric of a report is better, in the one place that ranks, words and drawings ask."""

from components.domain.metrics import HIGHER_IS_BETTER
from components.domain.names import PATIENT
from components.domain.selective import SELECTIVE_HIGHER_IS_BETTER

DIRECTIONS = HIGHER_IS_BETTER | SELECTIVE_HIGHER_IS_BETTER
"""Every metric of a report, and whether higher is better."""


def direction(metric: str) -> bool | None:
    """Return whether higher is better for a metric, of images or of patients (`patient_...`); None for an unknown one.

    >>> direction("auc"), direction("patient_ece"), direction("aurc"), direction("colour")
    (True, False, False, None)
    """
    return DIRECTIONS.get(metric.removeprefix(PATIENT))
