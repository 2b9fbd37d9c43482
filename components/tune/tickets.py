"""Which trials a study still needs: one ticket each, so that any number of workers finish exactly as many as were asked for.

A ticket is a waiting trial in the storage. A worker takes one by setting its state, which the storage grants to one alone. What does
not finish comes back as a ticket: with its settings where the worker died or was stopped, with fresh ones where the trial raised.
Counting and taking would be two steps, between which others count too: Optuna's own limit overshoots.
"""

import logging
import os
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState

logger = logging.getLogger(__name__)
ASKED, SEED, FAILURE, WORKER = "lobule.asked", "lobule.seed", "failure", "worker"
"""Attributes: of the study how many finished trials are asked for and the sampler's seed; of a trial why it raised, and who runs it, as
host and process."""
LEAST_FAILURES = 3
"""A study gives up after as many failures as trials were asked for, but not before so many."""
MOST_ATTEMPTS = 3
"""Workers that one trial may cost before its settings count as failed."""
KILLED = "its workers were killed; mostly for lack of memory"
Setting = float | int | str


@dataclass(frozen=True)
class Ticket:
    """A trial that a worker has taken.

    Attributes:
        trial: for its objective.
        trial_id: in the storage.
        first_number: its number, or that of the first trial with its settings where the worker of that one died.
    """

    trial: optuna.Trial
    trial_id: int
    first_number: int


@dataclass(frozen=True)
class Count:
    """How far a study is: trials that have finished, and those that wait or are run."""

    finished: int
    open: int


def issue(study: optuna.Study, asked: int, *, seed: int, first: Sequence[Mapping[str, Setting]] = ()) -> Count:
    """Bring the study to as many tickets as it needs. Only one process does this, while no worker is at it.

    Args:
        study: new or continued.
        asked: finished trials that it shall end with.
        seed: of the sampler.
        first: settings of the first trials of a new study; the sampler draws all others.

    Returns:
        The count with the new tickets.
    """
    study.set_user_attr(ASKED, asked)
    study.set_user_attr(SEED, seed)
    begun = bool(study.get_trials(deepcopy=False))
    done, opened = len(finished(study)), waiting(study) + running(study)
    missing = 0 if gives_up(study) else max(0, asked - done - opened)
    for place in range(missing):
        study.enqueue_trial({} if begun or place >= len(first) else dict(first[place]))
    return Count(done, opened + missing)


def take(study: optuna.Study, storage: optuna.storages.RDBStorage) -> Ticket | None:
    """Take the next ticket; None where none is left.

    The sampler of a trial is seeded by the trial's number, so that the same study comes out whether it was interrupted or not.
    """
    study_id = storage.get_study_id_from_name(study.study_name)
    for ticket in _waiting(study):
        trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, ticket.number)
        storage.record_heartbeat(trial_id)  # first: a running trial without one would never be missed
        try:
            if not storage.set_trial_state_values(trial_id, state=TrialState.RUNNING):
                continue
        except optuna.exceptions.UpdateFinishedTrialError:
            continue
        storage.set_trial_user_attr(trial_id, WORKER, f"{socket.gethostname()}:{os.getpid()}")
        asked = int(study.user_attrs[ASKED])
        study.sampler = optuna.samplers.TPESampler(
            seed=int(study.user_attrs[SEED]) + ticket.number,
            n_startup_trials=min(10, max(4, asked // 4)),
            multivariate=True,
            constant_liar=True,
        )
        return Ticket(optuna.Trial(study, trial_id), trial_id, [*_attempts(ticket), ticket.number][0])
    return None


def give_back(ticket: Ticket, storage: optuna.storages.RDBStorage) -> None:
    """Put a trial back that is stopped from outside; it goes on where it is."""
    storage.set_trial_state_values(ticket.trial_id, state=TrialState.WAITING)


def fail(study: optuna.Study, ticket: Ticket, reason: str) -> None:
    """Record why a trial raised, and put fresh settings in its place unless the study gives up."""
    ticket.trial.set_user_attr(FAILURE, reason)
    study.tell(ticket.trial, state=TrialState.FAIL)
    replace(study)


def replace(study: optuna.Study) -> None:
    """Issue a ticket in place of a failed trial, unless the study gives up."""
    if not gives_up(study):
        study.enqueue_trial({})


def again(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queue a trial again whose worker died; where it cost too many workers, fresh settings in its stead."""
    if len(_attempts(trial)) + 1 < MOST_ATTEMPTS:
        logger.info("trial %d: its worker %s died; it goes on from its last checkpoint", trial.number, trial.user_attrs.get(WORKER))
        optuna.storages.RetryHeartbeatStaleTrialCallback()(study, trial)
    else:
        logger.warning("trial %d failed: %d workers died of it", trial.number, MOST_ATTEMPTS)
        replace(study)


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that ran to a result, pruned ones included, in order."""
    return list(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def failed(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that raised, or killed every worker that tried them."""
    trials = study.get_trials(deepcopy=False)
    again = {number for trial in trials for number in _attempts(trial)}
    return [trial for trial in trials if trial.state == TrialState.FAIL and trial.number not in again]


def gives_up(study: optuna.Study) -> bool:
    """Return True if too many trials failed for the study to go on."""
    return len(failed(study)) >= max(int(study.user_attrs[ASKED]), LEAST_FAILURES)


def reason(trial: FrozenTrial) -> str:
    """Return why a failed trial failed."""
    return str(trial.user_attrs.get(FAILURE, KILLED))


def commonest_reason(study: optuna.Study) -> tuple[str, int]:
    """Return the reason that most failed trials have, and how many have it."""
    return Counter(reason(trial) for trial in failed(study)).most_common(1)[0]


def waiting(study: optuna.Study) -> int:
    """Return how many tickets can be taken."""
    return len(_waiting(study))


def running(study: optuna.Study) -> int:
    """Return how many trials are being run, as far as is known."""
    return len(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))


def _waiting(study: optuna.Study) -> list[FrozenTrial]:
    return [] if gives_up(study) else list(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def _attempts(trial: FrozenTrial) -> list[int]:
    """Return the numbers of the trials whose workers died with the same settings before, the first one first."""
    return list(trial.system_attrs.get("retry_history", []))
