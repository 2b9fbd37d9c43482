import dataclasses

import numpy as np
import pytest

from components.domain.bootstrap import bootstrap
from components.domain.errors import InputError
from components.domain.metrics import Scored, measure
from components.domain.paired import resample_differences
from components.domain.predictions import Predictions


def model(*, missed: int, images: int = 200) -> Predictions:
    """Half of the images are positive, each in a group of its own; the model misses the first few of them."""
    labels = np.arange(images) % 2
    predicted = labels.copy()
    predicted[np.flatnonzero(labels)[:missed]] = 0
    sure = np.where(predicted == 1, 0.9, 0.1)
    names = [f"{index:03}" for index in range(images)]
    return Predictions(names, names, Scored(labels, np.stack([1 - sure, sure], axis=1), predicted, 1))


def test_the_difference_is_the_second_less_the_first():
    found = resample_differences(model(missed=10), model(missed=9), draws=50, seed=0)
    assert found.values["sensitivity"] == pytest.approx(0.01) and found.values["specificity"] == 0.0
    assert found.drawn["sensitivity"].shape == (50,)
    assert (found.drawn["sensitivity"] >= 0).all()  # what the second misses, the first misses too, on every resample


def test_paired_differences_are_narrower_than_the_models_own_intervals():
    first, second = model(missed=10), model(missed=9)
    difference = resample_differences(first, second, draws=500, seed=0).intervals["sensitivity"]
    found = bootstrap(lambda weights: measure(first.scored, weights), first.groups, labels=first.scored.labels, draws=500)
    own = found.intervals["sensitivity"]
    assert difference.low <= difference.value <= difference.high
    assert difference.high - difference.low < (own.high - own.low) / 2


def test_predictions_of_other_images_are_never_paired():
    first = model(missed=1)
    with pytest.raises(InputError, match="same images"):
        resample_differences(first, dataclasses.replace(first, ids=[f"{name}-other" for name in first.ids]), draws=10, seed=0)


def test_predictions_under_other_labels_are_never_paired():
    first = model(missed=1)
    turned = dataclasses.replace(first.scored, labels=1 - first.scored.labels)
    with pytest.raises(InputError, match="same images"):
        resample_differences(first, dataclasses.replace(first, scored=turned), draws=10, seed=0)
