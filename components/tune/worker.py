"""A worker of a study: it runs trials until no ticket is left. Several share one study, as processes or as pods.

As a process (`python -m components.tune.worker`) it reads its orders as one line of JSON on standard input (an address may hold a
password), and stops when that is closed: whoever started it is gone then.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread, Timer
from types import FrameType

import optuna
from optuna.trial import TrialState

from components.domain.artifacts import read_dataset
from components.domain.console import logging_as
from components.domain.errors import LobuleError
from components.domain.tracking import NoTracker, Tracker
from components.tune.orders import Orders
from components.tune.progress import tell
from components.tune.storage import beating, fail_dead, load_study, open_storage
from components.tune.tickets import Ticket, again, fail, give_back, take

TRIALS_A_PROCESS = 8
"""Trials that one process runs before another takes over: about 25 MiB of each stay behind, of the smallest network on a CPU (measured over
16 trials, with Keras' session cleared after each); of an accelerator's memory a process gives back all, and only at its end."""
CLOSING_SECONDS = 5.0
"""From a stop until a worker that is deep in a computation ends without a word."""
logger = logging.getLogger(__name__)


def work(orders: Orders, tracker: Tracker, *, begun: Callable[[], None] = lambda: None) -> None:
    """Run trials of a study that was created, until no ticket is left, a process has run enough, or a trial may have harmed it.

    Args:
        orders: which study.
        tracker: told each trial as a child run.
        begun: called before the first trial.

    Raises:
        LobuleError: if the study, the data or the weights cannot be used.
    """
    from components.tune.objective import Objective, explain

    storage = open_storage(orders.storage, on_death=again)
    study = load_study(orders.name, storage)
    objective = Objective(
        orders.recipe,
        read_dataset(orders.training_set),
        orders.weights,
        tracker=tracker,
        checkpoints=orders.checkpoints,
        store=orders.store,
    )
    begun()
    healthy, left = True, TRIALS_A_PROCESS
    while healthy and left:
        left -= 1
        fail_dead(study)
        ticket = take(study, storage)
        if ticket is None:
            return
        value, state, failure = None, None, ""
        with beating(storage, ticket.trial_id), _stopped(ticket, storage):
            try:
                value = objective(ticket)
            except optuna.TrialPruned:
                state = TrialState.PRUNED
            except optuna.exceptions.UpdateFinishedTrialError as error:
                logger.debug("%s", error)  # said below
            except Exception as error:
                logger.debug("trial %d", ticket.trial.number, exc_info=True)
                healthy, failure = isinstance(error, ArithmeticError | LobuleError), explain(error)
            if storage.get_trial(ticket.trial_id).state != TrialState.RUNNING:
                logger.warning("trial %d was given to another worker, as this one gave no sign of life", ticket.trial.number)
                continue
            if failure:
                fail(study, ticket, failure)
            else:
                study.tell(ticket.trial, value, state=state)
        tell(study, ticket.trial.number, workers=orders.workers)


@contextmanager
def _stopped(ticket: Ticket, storage: optuna.storages.RDBStorage) -> Iterator[None]:
    """Put the trial back when the process is stopped, so that whoever goes on need not wait for a missing sign of life."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        give_back(ticket, storage)
        raise


def _stop(_: int, __: FrameType | None) -> None:
    timer = Timer(CLOSING_SECONDS, os._exit, (143,))
    timer.daemon = True
    timer.start()
    raise SystemExit(143)


def _watch_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):  # unbuffered: a reader that holds Python's lock of it would not let the process end
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Work as ordered; the first argument names a file that says that it has begun, or why it could not."""
    note = Path(sys.argv[1])
    orders = Orders.from_json(sys.stdin.readline())
    signal.signal(signal.SIGTERM, _stop)
    Thread(target=_watch_parent, daemon=True).start()
    try:
        with logging_as("tune"):
            tracker: Tracker = NoTracker()
            if orders.run_id:
                from components.tracking.mlflow_tracker import attach

                tracker = attach(orders.run_id)
            work(orders, tracker, begun=lambda: tell_begun(note))
    except LobuleError as error:
        note.write_text(json.dumps({"error": str(error), "code": error.exit_code}), encoding="utf-8")
        raise SystemExit(error.exit_code) from None


def tell_begun(note: Path) -> None:
    """Say in a worker's note that it has begun."""
    note.write_text("{}", encoding="utf-8")


if __name__ == "__main__":
    main()
