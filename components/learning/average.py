"""A moving average of the weights over the steps of training, which Keras' optimisers keep; validated and kept in place of the weights.

The statistics of batch normalisation belong to the weights that they were gathered with. So those of the averaged weights are gathered
anew, from training batches, where any of it learns (Izmailov et al., UAI 2018). Training goes on from the weights themselves.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

BATCHES = 16
"""From which statistics are gathered, at most."""


@contextmanager
def averaged(model: keras.Model, batch: Callable[[int], object], batches: int) -> Iterator[None]:
    """Let a model hold its averaged weights and their statistics; afterwards it has its own again.

    Args:
        model: compiled with an optimiser that averages.
        batch: gives the inputs of a training batch by its number.
        batches: how many there are.
    """
    own = model.get_weights()
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
