"""What a killed phase of training goes on from: everything that decides its next epoch, written after each one.

Variables (weights, statistics, the states of random layers), the optimiser's, the curves and the best weights so far; the order of
the images follows from seed and epoch. A phase that goes on from there ends with the weights that it would have had. Plain arrays,
no pickle.
"""

import json
import logging
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from components.learning.scores import Floats

KEPT_DAYS = 14
"""After which the checkpoints of a run that nobody continued are removed."""
logger = logging.getLogger(__name__)


@dataclass
class Progress:
    """How far a phase is.

    Attributes:
        history: each epoch's values by name, in order.
        best: number of the best epoch by validation AUC, the first of equals.
        best_weights: the model's weights after it.
        mean: of the trainable weights over the epochs that are averaged; empty before the first of them.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best: int = 0
    best_weights: list[Floats] = field(default_factory=list)
    mean: list[Floats] = field(default_factory=list)

    def add(self, values: dict[str, float], model: keras.Model) -> None:
        """Count an epoch, and keep the model's weights if it is the best."""
        self.history.append(values)
        if len(self.history) == 1 or values["val_auc"] > self.history[self.best]["val_auc"]:
            self.best, self.best_weights = len(self.history) - 1, model.get_weights()

    def over(self, *, epochs: int, patience: int) -> bool:
        """Return True if there is nothing left to train: all epochs are done, or `patience` of them brought nothing better."""
        done = len(self.history)
        return done >= epochs or (done > 0 and done - 1 - self.best >= patience)


def save(path: Path, model: keras.Model, progress: Progress) -> None:
    """Write a checkpoint of a compiled model; the one before stays until the new one is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"model-{index}": np.asarray(variable) for index, variable in enumerate(model.variables)}
    arrays |= {f"optimizer-{index}": np.asarray(variable) for index, variable in enumerate(model.optimizer.variables)}
    arrays |= {f"best-{index}": array for index, array in enumerate(progress.best_weights)}
    arrays |= {f"mean-{index}": array for index, array in enumerate(progress.mean)}
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, progress=np.array(json.dumps([progress.best, progress.history])), **arrays)
    partial.replace(path)


def load(path: Path, model: keras.Model) -> Progress:
    """Bring a compiled model to where a checkpoint left it.

    Returns:
        The progress it had made; none where there is no checkpoint, or an unreadable one (which is said).
    """
    model.optimizer.build(model.trainable_variables)
    state = {"model": model.variables, "optimizer": model.optimizer.variables}
    try:
        with np.load(path, allow_pickle=False) as stored:
            best, history = json.loads(str(stored["progress"]))
            best_weights = [stored[f"best-{index}"] for index in range(len(model.get_weights()))]
            mean = [stored[f"mean-{index}"] for index in range(len(model.trainable_variables) if "mean-0" in stored else 0)]
            values = [(variable, stored[f"{kind}-{index}"]) for kind, all_of in state.items() for index, variable in enumerate(all_of)]
    except FileNotFoundError:
        return Progress()
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        logger.warning("checkpoint %s cannot be used (%s); this phase starts again", path.name, type(error).__name__)
        return Progress()
    for variable, value in values:
        variable.assign(value)
    return Progress(history, best, best_weights, mean)


@contextmanager
def checkpoints(root: Path, run: str, step: str, *, keep: bool = False) -> Iterator[Path]:
    """Give the directory of a step's checkpoints; remove it when the step has ended well, and those that nobody continued.

    Args:
        root: of all checkpoints.
        run: name of the pipeline run.
        step: whose they are.
        keep: leave them at the end, as others go on from them too.
    """
    for directory in root.glob("*"):
        if time.time() - directory.stat().st_mtime > KEPT_DAYS * 86400:
            logger.info("removing the checkpoints of %s, older than %d days", directory.name, KEPT_DAYS)
            shutil.rmtree(directory, ignore_errors=True)
    yield root / run / step
    if keep:
        return
    shutil.rmtree(root / run / step, ignore_errors=True)
    with suppress(OSError):  # another step of the run has some
        (root / run).rmdir()
