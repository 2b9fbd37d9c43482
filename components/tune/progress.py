"""What a study tells: one line a trial, with how many have finished, its value, the best so far and the time left."""

import logging
from datetime import datetime

import optuna
from optuna.trial import FrozenTrial, TrialState

from components.tune.tickets import ASKED, finished, reason

logger = logging.getLogger(__name__)


def tell(study: optuna.Study, number: int, *, workers: int) -> None:
    """Log the line of a trial that has ended.

    Args:
        study: with the trial's result.
        number: of the trial.
        workers: that share the study.
    """
    trial = study.get_trials(deepcopy=False)[number]
    asked, done = int(study.user_attrs[ASKED]), finished(study)
    settings = ", ".join(f"{key} {value:.2g}" if isinstance(value, float) else f"{key} {value}" for key, value in trial.params.items())
    if trial.state == TrialState.FAIL:
        logger.warning("trial %d failed: %s (%s)", number, reason(trial), settings)
        return
    place = sum(_ended(each) <= _ended(trial) for each in done)
    value = "-" if trial.value is None else f"{trial.value:.3f}"
    complete = [each.value for each in done if each.state == TrialState.COMPLETE]
    best = f", best {max(complete):.3f}" if complete else ""
    logger.info(
        "trial %d/%d %s: validation AUC %s%s%s (%s)",
        *(place, asked, trial.state.name.lower(), value, best, _left(done, asked - place, workers), settings),
    )


def _left(done: list[FrozenTrial], open_: int, workers: int) -> str:
    """Return the time left in words: what is open at the usual time of a trial, shared by the workers; "" where nothing is open."""
    times = sorted(each.duration.total_seconds() for each in done if each.duration is not None)
    if not times or open_ <= 0:
        return ""
    seconds = times[len(times) // 2] * -(-open_ // min(workers, open_))
    return f", {seconds:.0f} s left" if seconds < 100 else f", {seconds / 60:.0f} min left"


def _ended(trial: FrozenTrial) -> datetime:
    return trial.datetime_complete or datetime.max
