"""One trial: a recipe with the trial's settings, trained for a few epochs and judged by its validation AUC."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import optuna

from components.domain.artifacts import Dataset
from components.domain.errors import LobuleError
from components.domain.names import TAG_FAILURE, TAG_RECIPE
from components.domain.recipe import Recipe
from components.domain.search_space import SECOND_PHASE, Dimension, Range, Setting, dimensions, with_settings
from components.domain.tracking import Tracker
from components.learning.network import Network, build
from components.learning.phases import Embeddings, Examples, embed, fit_network, needs_embeddings
from components.tune.choice import COST
from components.tune.folds import embeddings_of, examples_of, folds_of
from components.tune.tickets import Ticket

LEAST_SECOND = 2
"""Epochs of the second phase in a trial: a quarter of `trial_epochs`, and no fewer."""
MOST_BYTES = 2**30
"""Embeddings that are kept for later trials; the oldest go first."""
logger = logging.getLogger(__name__)


@dataclass
class Objective:
    """Trains trials of a recipe's search space on one data set.

    A trial's value is its best epoch's macro AUC on the validation images, the mean over folds where it is cross-validated
    (`components.tune.folds`). One that varies the second phase trains both, any other the first alone.

    Attributes:
        recipe: gives the search space.
        dataset: with the train and validation splits.
        weights: of the backbone (`components.learning.weights`).
        tracker: told each trial as a child run.
        checkpoints: directory from whose files a trial that was cut off goes on.
        store: where embeddings are kept for others (`components.learning.feature_store`).
    """

    recipe: Recipe
    dataset: Dataset
    weights: str | None
    tracker: Tracker
    checkpoints: Path | None
    store: Path | None = None

    def __post_init__(self) -> None:
        self.examples = Examples.of(self.dataset, self.recipe)
        self.dimensions, _ = dimensions(self.recipe, self.weights)
        self.second = any(name in self.dimensions for name in SECOND_PHASE)
        embedded = self.weights is not None and self.recipe.views > 0
        self.heads_only = embedded and not self.second
        self.folds = folds_of(self.dataset, self.examples, embedded=self.heads_only, seed=self.recipe.split_seed)
        self.frozen: dict[tuple[str, int], Network] = {}
        self.kept: dict[str, Embeddings] = {}
        if embedded:
            self._embeddings(self._network(self.recipe), self.recipe)

    def __call__(self, ticket: Ticket) -> float:
        """Run a trial and return its value.

        Raises:
            optuna.TrialPruned: if it is not worth going on.
            Exception: whatever its settings break; the child run is marked FAILED with the reason.
        """
        settings = suggest(ticket.trial, self.dimensions)
        candidate = for_trial(with_settings(self.recipe, settings), second=self.second)
        kept = self.checkpoints and self.checkpoints / f"trial-{candidate.digest.removeprefix('sha256:')[:16]}"
        with self.tracker.child(f"trial-{ticket.first_number}") as run:
            run.params(settings)
            run.tags({TAG_RECIPE: self.recipe.name})
            pruned, value = False, 0.0
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
        values, epochs = [], candidate.epochs + candidate.fine_tune_epochs
        for number, fold in enumerate(self.folds):

            def on_epoch(epoch: int, told: Mapping[str, float], before: int = number * epochs) -> None:
                run.metrics(told, step=before + epoch)
                trial.report(told["val_auc"], before + epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned

            network = self._network(candidate)
            trial.set_user_attr(COST, cost(network, candidate))
            embeddings = self._embeddings(network, candidate) if needs_embeddings(network, candidate) else None
            result = fit_network(
                network,
                examples_of(fold, self.examples),
                candidate,
                embeddings and embeddings_of(fold, embeddings, len(self.examples.train)),
                seed=candidate.split_seed,
                on_epoch=on_epoch,
                checkpoints=kept and kept / f"fold-{number}",
                store=self.store,
            )
            values.append(result["val_auc"])
        return sum(values) / len(values)

    def _network(self, candidate: Recipe) -> Network:
        """Return a candidate's network as it starts; trials that train heads alone share a backbone, whose making takes longer."""
        classes, seed = len(self.dataset.classes), candidate.split_seed
        if not self.heads_only:
            return build(candidate, classes, weights=self.weights, dropout=candidate.dropout, seed=seed)
        key = candidate.backbone, candidate.downscale
        if key not in self.frozen:
            self.frozen[key] = build(candidate, classes, weights=self.weights, dropout=candidate.dropout, seed=seed)
        return self.frozen[key].with_new_head(candidate.head, classes, dropout=candidate.dropout, seed=seed)

    def _embeddings(self, network: Network, candidate: Recipe) -> Embeddings:
        """Return the embeddings of all images under what decides them: backbone, resolution and augmentation."""
        key = repr((candidate.backbone, candidate.downscale, candidate.augmentation))
        if key not in self.kept:
            self.kept[key] = embed(network, self.examples, candidate, seed=candidate.split_seed, store=self.store)
            while len(self.kept) > 1 and sum(each.train.nbytes for each in self.kept.values()) > MOST_BYTES:
                self.kept.pop(next(iter(self.kept)))
        return self.kept[key]


def for_trial(candidate: Recipe, *, second: bool) -> Recipe:
    """Return a candidate as a trial trains it: fewer epochs, and the second phase only where it is judged."""
    tuned = min(candidate.fine_tune_epochs, max(LEAST_SECOND, candidate.trial_epochs // 4)) if second else 0
    return replace(candidate, epochs=candidate.trial_epochs, fine_tune_epochs=tuned)


def suggest(trial: optuna.Trial, space: Mapping[str, Dimension]) -> dict[str, Setting]:
    """Draw a trial's settings."""
    drawn: dict[str, Setting] = {}
    for name, each in space.items():
        if not isinstance(each, Range):
            drawn[name] = trial.suggest_categorical(name, each)
        elif each.whole:
            drawn[name] = trial.suggest_int(name, int(each.low), int(each.high))
        else:
            drawn[name] = trial.suggest_float(name, each.low, each.high, log=each.log)
    return drawn


def cost(network: Network, candidate: Recipe) -> float:
    """Return what a prediction costs, up to a factor: weights, times the pixels that each of a convolution passes over."""
    weights = sum(int(np.prod(each.shape)) for each in network.backbone.weights)
    return float(weights * (candidate.image_size / candidate.downscale) ** 2)


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
