"""The Optuna storage: one URL, heartbeats for killed workers, and a study that a second call continues."""

import logging
import warnings
from pathlib import Path

import optuna

HEARTBEAT_SECONDS = 10
logger = logging.getLogger(__name__)


def open_study(name: str, *, storage: str, seed: int) -> optuna.Study:
    """Create the study, or continue it if it is there.

    A trial whose worker died is found by its missing heartbeat, marked failed and queued again.

    Args:
        name: of the pipeline run; the study's name.
        storage: SQLAlchemy URL.
        seed: of the sampler.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if storage.startswith("sqlite:///"):
        Path(storage.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # heartbeats are marked so since 2.9
    backend = optuna.storages.RDBStorage(
        storage,
        heartbeat_interval=HEARTBEAT_SECONDS,
        grace_period=3 * HEARTBEAT_SECONDS,
        heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=2),
    )
    study = optuna.create_study(
        study_name=name,
        storage=backend,
        load_if_exists=True,
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2),
    )
    # a continued study must not draw again what it drew before
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.get_trials(deepcopy=False)), n_startup_trials=4)
    return study


def enqueue_once(study: optuna.Study, settings: dict[str, float]) -> None:
    """Queue a trial with these settings unless one has come to a result or waits; a trial that was cut off does not count."""
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.WAITING)
    for trial in study.get_trials(deepcopy=False, states=states):
        if settings in (trial.params, trial.system_attrs.get("fixed_params")):
            return
    study.enqueue_trial(settings)


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that ran to a result, pruned ones included, in order."""
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return list(study.get_trials(deepcopy=False, states=states))
