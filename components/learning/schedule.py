"""What a phase of training is set to, and its optimiser: Adam or RMSprop under a cosine, constant or plateau learning rate."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from components.domain.recipe import Optimizer, Schedule

FLOOR = 0.05
"""Where the cosine ends, as a share of the learning rate."""
SWA_FLOOR = 0.5
"""Where it ends before the epochs whose weights are averaged, and stays through them: the weights must go on moving (Izmailov et al.)."""
PLATEAU_EPOCHS, PLATEAU_FACTOR, PLATEAU_GAIN = 3, 0.2, 1e-4
"""The plateau schedule multiplies by the factor after so many epochs in which validation accuracy gained no more than this."""
_BUILDERS: dict[Optimizer, type[keras.optimizers.Optimizer]] = {
    "adamw": keras.optimizers.AdamW,
    "adam": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
}


@dataclass(frozen=True)
class Phase:
    """Settings of one phase.

    Attributes:
        epochs: at most.
        learning_rate: at its height.
        warm_up: start the cosine from 0, so that trained layers are not thrown off by the first steps; the height is reached within the
            first epoch.
        weight_decay: decoupled, of whichever optimiser.
        batch_size: images.
        label_smoothing: of the cross-entropy.
        patience: epochs without a better validation AUC after which it stops.
        seed: of the order of the images.
        optimizer: which.
        schedule: `cosine` falls to 5 % within the phase, `constant` stays, `plateau` falls when validation accuracy stands still.
        ema: momentum of the average of the weights over steps; 0 averages nothing.
        swa: share of the epochs, the last, whose weights are averaged; 0 averages nothing.
        rewritten: its steps are computed in bfloat16 on the CPU (`components.learning.devices`).
    """

    epochs: int
    learning_rate: float
    warm_up: bool
    weight_decay: float
    batch_size: int
    label_smoothing: float
    patience: int
    seed: int
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "cosine"
    ema: float = 0.0
    swa: float = 0.0
    rewritten: bool = False

    @property
    def swa_epochs(self) -> int:
        """How many epochs, the last, have their weights averaged: none without `swa`, else at least one."""
        return max(1, round(self.swa * self.epochs)) if self.swa else 0


def build_optimizer(phase: Phase, *, steps: int) -> keras.optimizers.Optimizer:
    """Return the optimiser of a phase whose epochs have so many steps."""
    rate: float | keras.optimizers.schedules.LearningRateSchedule = phase.learning_rate
    if phase.schedule == "cosine":
        warm_up, floor, falls = steps if phase.warm_up else 1, FLOOR, phase.epochs * steps
        if phase.swa:
            floor, falls = SWA_FLOOR, max((phase.epochs - phase.swa_epochs) * steps - warm_up, 1)
        rate = keras.optimizers.schedules.CosineDecay(0.0, falls, alpha=floor, warmup_target=phase.learning_rate, warmup_steps=warm_up)
    average = {"use_ema": True, "ema_momentum": phase.ema} if phase.ema else {}
    return _BUILDERS[phase.optimizer](rate, weight_decay=phase.weight_decay, **average)


def plateau_rate(learning_rate: float, accuracies: Sequence[float]) -> float:
    """Return the learning rate of the next epoch under the plateau schedule, as Keras' `ReduceLROnPlateau` sets it.

    It follows from the curve alone, so that a phase which goes on from a checkpoint has it too.

    Args:
        learning_rate: of the first epoch.
        accuracies: validation accuracy of each epoch so far.

    >>> plateau_rate(1e-3, [0.5, 0.6, 0.6, 0.6]), plateau_rate(1e-3, [0.5, 0.6, 0.6, 0.6, 0.6])
    (0.001, 0.0002)
    """
    best, waited = float("-inf"), 0
    for accuracy in accuracies:
        if accuracy > best + PLATEAU_GAIN:
            best, waited = accuracy, 0
            continue
        waited += 1
        if waited == PLATEAU_EPOCHS:
            learning_rate, waited = learning_rate * PLATEAU_FACTOR, 0
    return learning_rate
