"""The study: trials of a recipe's search space, each judged by its validation AUC."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import optuna

from components.domain.artifacts import read_dataset
from components.domain.errors import InputError
from components.domain.names import TAG_RECIPE
from components.domain.recipe import Recipe
from components.domain.recipe_parts import require_made_for
from components.domain.study import TRIALS_FILE, write_best
from components.domain.tracking import Tracker
from components.learning import network as networks
from components.learning.phases import Embeddings, Examples, embed, fit_head, fit_pixels, phase_of
from components.tune.plots import write_plots
from components.tune.storage import enqueue_once, finished, open_study

logger = logging.getLogger(__name__)


def tune(
    training_set: Path,
    output: Path,
    *,
    recipe: Recipe,
    weights: str | None,
    name: str,
    storage: str,
    tracker: Tracker,
    checkpoints: Path | None = None,
) -> tuple[Recipe, float]:
    """Search until the recipe's number of trials have finished, counting those of an earlier, interrupted call.

    Args:
        training_set: artifact with the train and validation splits.
        output: study artifact to write: `best.json`, `trials.json` and plots.
        recipe: gives the search space and the size of the study.
        weights: of the backbone (`components.learning.weights`).
        name: of the study.
        storage: SQLAlchemy URL where it lives.
        tracker: told each trial as a child run.
        checkpoints: directory from which a trial that was cut off goes on.

    Returns:
        The recipe with the best trial's settings, and its validation AUC; a recipe without trials as it stands, and 0.

    Raises:
        InputError: if no trial gave a result.
    """
    dataset = read_dataset(training_set)
    require_made_for(dataset.made_with, recipe)
    if not recipe.trials:
        write_best(output, recipe)
        logger.info("no trials: the recipe is trained as it stands")
        return recipe, 0.0
    examples = Examples.of(dataset, recipe)
    study = open_study(name, storage=storage, seed=recipe.split_seed)
    enqueue_once(study, {"learning_rate": recipe.learning_rate, "dropout": recipe.dropout, "weight_decay": recipe.weight_decay})
    done = len(finished(study))
    if done:
        logger.info("continuing a study with %d of %d trials finished", done, recipe.trials)
    embeddings: Embeddings | None = None
    while (done := len(finished(study))) < recipe.trials:
        if weights is not None and recipe.views and embeddings is None:
            network = networks.build(recipe, len(dataset.classes), weights=weights, dropout=0.0, seed=0)
            embeddings = embed(network, examples, recipe, seed=recipe.split_seed)
        study.optimize(
            _objective(
                recipe, examples, embeddings, weights=weights, classes=len(dataset.classes), tracker=tracker, checkpoints=checkpoints
            ),
            n_trials=1,
            catch=(ArithmeticError,),
        )
        last = study.get_trials(deepcopy=False)[-1]
        value = "-" if last.value is None else f"{last.value:.3f}"
        settings = ", ".join(f"{key} {value:.2g}" for key, value in last.params.items())
        logger.info("trial %d/%d %s: validation AUC %s (%s)", done + 1, recipe.trials, last.state.name.lower(), value, settings)
        if len(study.get_trials(deepcopy=False)) > 3 * recipe.trials:
            break
    if not study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
        raise InputError(f"at least one of {recipe.trials} trials must give a finite AUC, but none did; lower search.learning_rate")
    best = recipe.override({key: repr(value) for key, value in study.best_params.items()})
    write_best(output, best)
    trials = [{"number": t.number, "state": t.state.name, "value": t.value, **t.params} for t in study.get_trials(deepcopy=False)]
    (output / TRIALS_FILE).write_text(json.dumps(trials, indent=2) + "\n", encoding="utf-8")
    for plot in write_plots(study, output):
        tracker.file(plot)
    tracker.tags({"lobule.study": name})
    return best, float(study.best_value)


def _objective(
    recipe: Recipe,
    examples: Examples,
    embeddings: Embeddings | None,
    *,
    weights: str | None,
    classes: int,
    tracker: Tracker,
    checkpoints: Path | None,
) -> Callable[[optuna.Trial], float]:
    space = recipe.search

    def objective(trial: optuna.Trial) -> float:
        settings = {
            "learning_rate": trial.suggest_float("learning_rate", *space.learning_rate, log=True),
            "dropout": trial.suggest_float("dropout", *space.dropout),
            "weight_decay": trial.suggest_float("weight_decay", *space.weight_decay, log=space.weight_decay[0] > 0),
        }
        candidate = recipe.override({key: repr(value) for key, value in settings.items()})
        with tracker.child(f"trial-{trial.number}") as run:
            run.params(settings)
            run.tags({TAG_RECIPE: recipe.name})

            def on_epoch(epoch: int, values: Mapping[str, float]) -> None:
                run.metrics(values, step=epoch)
                trial.report(values["val_auc"], epoch)
                if trial.should_prune():
                    run.tags({"lobule.pruned": "true"})
                    raise optuna.TrialPruned

            seed = recipe.split_seed
            network = networks.build(candidate, classes, weights=weights, dropout=candidate.dropout, seed=seed)
            checkpoint = checkpoints and checkpoints / f"trial-{candidate.digest.removeprefix('sha256:')[:16]}.npz"
            phase = phase_of(candidate, epochs=recipe.trial_epochs, learning_rate=candidate.learning_rate, seed=seed)
            try:
                if embeddings is None:
                    result = fit_pixels(network, examples, candidate, phase, on_epoch, checkpoint=checkpoint)
                else:
                    result = fit_head(network, embeddings, examples, phase, on_epoch, checkpoint=checkpoint)
            except optuna.TrialPruned:
                pruned = True
            else:
                pruned = False
                run.metrics({"best_val_auc": result["val_auc"]})
        if checkpoint:
            checkpoint.unlink(missing_ok=True)
        if pruned:
            raise optuna.TrialPruned
        return result["val_auc"]

    return objective
