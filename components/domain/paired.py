"""Two models on the same images: every metric of the one less that of the other, each resample drawing the same groups for both."""

import numpy as np

from components.domain.bootstrap import Resampled, resample
from components.domain.errors import InputError
from components.domain.metrics import Floats, measure
from components.domain.predictions import Predictions


def resample_differences(first: Predictions, second: Predictions, *, draws: int, seed: int) -> Resampled:
    """Return second - first of every metric of `measure`, on all images and on every resample of their groups.

    Args:
        first: what one says; its groups are drawn.
        second: what the other says of the same images, in the same order.
        draws: resamples.
        seed: of the draws.

    Raises:
        InputError: if the two are not of the same images, or these are too few to resample.
    """
    labels = first.scored.labels
    if first.ids != second.ids or not np.array_equal(labels, second.scored.labels):
        raise InputError("paired predictions must be of the same images, but are not; evaluate both models on the same data")

    def difference(weights: Floats) -> dict[str, Floats]:
        one, other = measure(first.scored, weights), measure(second.scored, weights)
        return {name: other[name] - one[name] for name in one}

    return resample(difference, first.groups, labels=labels, draws=draws, seed=seed)
