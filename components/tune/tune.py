"""The study: trials of a recipe's search space, each judged by its validation AUC.

`create` makes it, workers (`components.tune.worker`) run its trials, `finish` writes what came out. `tune` does all three, with processes
of this machine; on a cluster pods `share` the trials between `create` and `tune`, which then finds little or nothing left to do.
"""

import json
import logging
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from components.domain.artifacts import read_dataset
from components.domain.errors import InputError
from components.domain.recipe import Recipe
from components.domain.recipe_parts import require_made_for
from components.domain.search_space import as_it_stands, dimensions, with_settings
from components.domain.study import TRIALS_FILE, write_best
from components.domain.tracking import Tracker
from components.tune.choice import best_trial
from components.tune.crew import run_workers
from components.tune.orders import Orders
from components.tune.plots import write_plots
from components.tune.storage import create_study, load_study, open_storage
from components.tune.tickets import again, commonest_reason, failed, finished, issue, reason
from components.tune.warm import earlier_settings

logger = logging.getLogger(__name__)


def tune(orders: Orders, output: Path, *, tracker: Tracker) -> tuple[Recipe, float]:
    """Search until the recipe's number of trials have finished, counting those of an earlier, interrupted call or of other workers.

    Args:
        orders: which study.
        output: study artifact to write: `best.json`, `trials.json` and plots.
        tracker: told the study's plots.

    Returns:
        The recipe with the best trial's settings, and its validation AUC; a recipe without trials as it stands, and 0.

    Raises:
        InputError: if no trial gave a result.
    """
    recipe = orders.recipe
    if not recipe.trials:
        write_best(output, recipe)
        logger.info("no trials: the recipe is trained as it stands")
        return recipe, 0.0
    study = create(orders)
    while len(finished(study)) < recipe.trials and issue(study, recipe.trials, seed=recipe.split_seed).open:
        run_workers(study, orders, processes=orders.workers)
    return finish(study, output, recipe=recipe, tracker=tracker)


def create(orders: Orders) -> optuna.Study:
    """Create the study and its tickets, or bring those of an interrupted one up to what is missing.

    One process does it before several work on the study.
    """
    recipe = orders.recipe
    dataset = read_dataset(orders.training_set)
    require_made_for(dataset.made_with, recipe)
    storage = open_storage(orders.storage, on_death=again)
    study = create_study(orders.name, storage)
    space, idle = dimensions(recipe, orders.weights)
    first = []
    if not study.get_trials(deepcopy=False):
        for name, why in idle.items():
            logger.info("search.%s is not varied: %s", name, why)
        kin = f"{dataset.certificate.dataset} {recipe.backbone} {'from scratch' if orders.weights is None else 'from weights'}"
        own = as_it_stands(recipe, space)
        earlier = earlier_settings(study, storage, kin=kin, space=space, trials=recipe.trials)
        first = [own, *(each for each in earlier if each != own)]
    count = issue(study, recipe.trials, seed=recipe.split_seed, first=first)
    if count.finished:
        logger.info("continuing a study with %d of %d trials finished", count.finished, recipe.trials)
    return study


def share(orders: Orders) -> None:
    """Run trials of a study that was created, beside others who do, until none waits or runs: a trial whose machine died is taken over."""
    run_workers(load_study(orders.name, open_storage(orders.storage, on_death=again)), orders, processes=1)


def finish(study: optuna.Study, output: Path, *, recipe: Recipe, tracker: Tracker) -> tuple[Recipe, float]:
    """Write the study's artifact.

    Returns:
        The recipe with the best trial's settings, and its validation AUC.

    Raises:
        InputError: if no trial gave a result; it names the commonest reason.
    """
    if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        why, count = commonest_reason(study)
        raise InputError(
            f"a study must have a trial that gives a result, but {len(failed(study))} failed ({recipe.trials} were asked for); "
            f"the commonest reason ({count} times): {why}"
        )
    if len(finished(study)) < recipe.trials:
        logger.warning("the study gives up with %d of %d trials, as %d failed", len(finished(study)), recipe.trials, len(failed(study)))
    chosen = best_trial(study)
    if chosen.value < study.best_value:
        logger.info("trial %d is chosen: it costs less than trial %d, and its AUC is as good", chosen.number, study.best_trial.number)
    best = with_settings(recipe, chosen.params)
    write_best(output, best)
    rows = [_row(trial) for trial in study.get_trials() if trial.state != TrialState.WAITING]
    (output / TRIALS_FILE).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    for plot in write_plots(study, output):
        tracker.file(plot)
    tracker.tags({"lobule.study": study.study_name})
    return best, float(chosen.value)


def _row(trial: FrozenTrial) -> dict[str, object]:
    """Return a trial as `trials.json` lists it, with the reason where it failed."""
    row = {"number": trial.number, "state": trial.state.name, "value": trial.value, **trial.params}
    return row | {"reason": reason(trial)} if trial.state == TrialState.FAIL else row
