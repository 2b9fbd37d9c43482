"""Averages of the weights, validated and kept in place of the weights.

A moving one over the steps of training, which Keras' optimisers keep (EMA), or the mean over the last epochs, of the weights that each
ended with (stochastic weight averaging, SWA: Izmailov et al., UAI 2018).

The statistics of batch normalisation belong to the weights that they were gathered with. So those of the averaged weights are gathered
anew, from training batches, where any of it learns (the same paper); frozen statistics stay. Training goes on from the weights
themselves.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import keras
import numpy as np

from components.learning.scores import Floats

BATCHES = 16
"""From which statistics are gathered, at most."""


def mean_with(mean: Sequence[Floats], model: keras.Model, before: int) -> list[Floats]:
    """Return the mean of a model's trainable weights over one epoch more.

    Args:
        mean: over the epochs before; not read if there are none.
        model: as this epoch left it.
        before: how many epochs those were.
    """
    weights = [np.asarray(variable).copy() for variable in model.trainable_variables]
    if not before:
        return weights
    return [np.asarray(old + (new - old) / (before + 1), dtype=np.float32) for old, new in zip(mean, weights, strict=True)]


@contextmanager
def averaged(model: keras.Model, batch: Callable[[int], object], batches: int, *, mean: Sequence[Floats] = ()) -> Iterator[None]:
    """Let a model hold its averaged weights and their statistics; afterwards it has its own again.

    Args:
        model: compiled; with an optimiser that averages where no mean is given.
        batch: gives the inputs of a training batch by its number.
        batches: how many there are.
        mean: of its trainable weights (`mean_with`); without it their moving average.
    """
    own = model.get_weights()
    if mean:
        for variable, value in zip(model.trainable_variables, mean, strict=True):
            variable.assign(value)
    else:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    _gather_statistics(model, batch, min(batches, BATCHES))
    try:
        yield
    finally:
        model.set_weights(own)


def _gather_statistics(model: keras.Model, batch: Callable[[int], object], batches: int) -> None:
    """Set mean and variance of each batch normalisation that learns to their average over some training batches."""
    layers = [each for each in model._flatten_layers() if isinstance(each, keras.layers.BatchNormalization) and each.trainable]
    momentums = [layer.momentum for layer in layers]
    for number in range(batches if layers else 0):
        for layer in layers:
            layer.momentum = number / (number + 1)  # the mean of all so far
        model(batch(number), training=True)
    for layer, momentum in zip(layers, momentums, strict=True):
        layer.momentum = momentum
