"""One trial: a recipe with the trial's settings, trained for a few epochs and judged by its validation AUC."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras
import optuna

from components.domain.artifacts import Dataset
from components.domain.errors import LobuleError
from components.domain.names import TAG_FAILURE, TAG_RECIPE
from components.domain.recipe import Recipe
from components.domain.tracking import Tracker
from components.learning import network as networks
from components.learning.phases import Embeddings, Examples, embed, fit_head, fit_pixels, phase_of
from components.tune.tickets import Ticket

logger = logging.getLogger(__name__)


@dataclass
class Objective:
    """Trains trials of a recipe's search space on one data set.

    Attributes:
        recipe: gives the search space.
        dataset: with the train and validation splits.
        weights: of the backbone (`components.learning.weights`).
        tracker: told each trial as a child run.
        checkpoints: directory from whose files a trial that was cut off goes on.
    """

    recipe: Recipe
    dataset: Dataset
    weights: str | None
    tracker: Tracker
    checkpoints: Path | None
    examples: Examples = field(init=False)
    embeddings: Embeddings | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.examples = Examples.of(self.dataset, self.recipe)
        if self.weights is not None and self.recipe.views:
            network = networks.build(self.recipe, len(self.dataset.classes), weights=self.weights, dropout=0.0, seed=0)
            self.embeddings = embed(network, self.examples, self.recipe, seed=self.recipe.split_seed)

    def __call__(self, ticket: Ticket) -> float:
        """Run a trial and return its value.

        Raises:
            optuna.TrialPruned: if it is not worth going on.
            Exception: whatever its settings break; the child run is marked FAILED with the reason.
        """
        settings = suggest(ticket.trial, self.recipe)
        candidate = self.recipe.override({key: repr(value) for key, value in settings.items()})
        kept = self.checkpoints and self.checkpoints / f"trial-{candidate.digest.removeprefix('sha256:')[:16]}"
        with self.tracker.child(f"trial-{ticket.first_number}") as run:
            run.params(settings)
            run.tags({TAG_RECIPE: self.recipe.name})
            pruned = False
            try:
                value = self._train(ticket.trial, candidate, run, kept)
            except optuna.TrialPruned:
                pruned = True
                run.tags({"lobule.pruned": "true"})
            except optuna.exceptions.UpdateFinishedTrialError:
                raise  # another worker has it, and this run with it
            except Exception as error:
                run.tags({TAG_FAILURE: explain(error)})
                raise
            else:
                run.metrics({"best_val_auc": value})
            finally:
                keras.backend.clear_session()  # what one trial held must not add up over a study
        if kept:
            shutil.rmtree(kept, ignore_errors=True)
        if pruned:
            raise optuna.TrialPruned
        return value

    def _train(self, trial: optuna.Trial, candidate: Recipe, run: Tracker, kept: Path | None) -> float:
        def on_epoch(epoch: int, values: Mapping[str, float]) -> None:
            run.metrics(values, step=epoch)
            trial.report(values["val_auc"], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        seed = candidate.split_seed
        network = networks.build(candidate, len(self.dataset.classes), weights=self.weights, dropout=candidate.dropout, seed=seed)
        phase = phase_of(candidate, epochs=candidate.trial_epochs, learning_rate=candidate.learning_rate, seed=seed)
        checkpoint = kept and kept / "phase-1.npz"
        if self.embeddings is None:
            result = fit_pixels(network, self.examples, candidate, phase, on_epoch, checkpoint=checkpoint)
        else:
            result = fit_head(network, self.embeddings, self.examples, phase, on_epoch, checkpoint=checkpoint)
        return result["val_auc"]


def suggest(trial: optuna.Trial, recipe: Recipe) -> dict[str, float]:
    """Draw a trial's settings from the recipe's search space."""
    space = recipe.search
    return {
        "learning_rate": trial.suggest_float("learning_rate", *space.learning_rate, log=True),
        "dropout": trial.suggest_float("dropout", *space.dropout),
        "weight_decay": trial.suggest_float("weight_decay", *space.weight_decay, log=space.weight_decay[0] > 0),
    }


def explain(error: Exception) -> str:
    """Return in one line why a trial raised.

    >>> explain(FloatingPointError("the training diverged"))
    'the training diverged (FloatingPointError)'
    >>> explain(MemoryError())
    'out of memory (MemoryError)'
    """
    words, kind = " ".join(str(error).split())[:200], type(error).__name__
    if isinstance(error, LobuleError):
        return words
    if isinstance(error, MemoryError) or "ResourceExhausted" in kind or "RESOURCE_EXHAUSTED" in words:
        words = f"out of memory{f': {words}' if words else ''}"
    return f"{words} ({kind})" if words else kind
