"""Follows a run on a cluster to its end: one line for each task that changes, and the reason and the log's end of one that fails.

Looking never touches the run: whoever stops looking leaves it going.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from components.domain.console import FAILURES
from pipelines.cluster_client import Cluster
from pipelines.cluster_errors import UnreachableError
from pipelines.cluster_standing import FAILED, SUCCEEDED, Standing, Task

logger = logging.getLogger(__name__)
POLL_SECONDS = 5.0
PATIENCE_SECONDS = 600.0
"""For a server that does not answer: it may be restarted while the run goes on."""
TAIL = 20  # lines
WORDS = {
    "RUNTIME_STATE_UNSPECIFIED": "waits",
    "PENDING": "waits",
    "RUNNING": "begins",
    SUCCEEDED: "done",
    "SKIPPED": "kept from before, or not needed",
    FAILED: "failed",
}
_REASON = re.compile(rf"^\s*\[\w+\] (?P<reason>(?:{'|'.join(FAILURES)}): .*)$", re.MULTILINE)
Show = Callable[[str, str], None]
"""Told (step, text)."""


@dataclass(frozen=True)
class Failure:
    """A task that failed: its step, why, and the end of its log."""

    step: str
    reason: str
    tail: tuple[str, ...]


@dataclass(frozen=True)
class End:
    """How a run ended: the state, as KFP calls it, and what failed."""

    state: str
    error: str
    failures: tuple[Failure, ...]


def follow(cluster: Cluster, run: str, show: Show, *, poll: float = POLL_SECONDS, patience: float = PATIENCE_SECONDS) -> End:
    """Follow a run to its end.

    Args:
        cluster: where it runs.
        run: its id.
        show: told what changes.
        poll: seconds between two looks.
        patience: seconds that a server may not answer.

    Raises:
        UnreachableError: if it does not answer for longer.
        InputError: if there is no such run, or the server refuses us.
    """
    seen: dict[str, str] = {}
    heard = time.monotonic()
    while True:
        try:
            standing = cluster.standing(run)
        except UnreachableError:
            if time.monotonic() - heard > patience:
                raise
            logger.info("the server does not answer; looking again")
        else:
            heard = time.monotonic()
            for key, task in standing.tasks.items():
                words = WORDS.get(task.state, task.state.lower())
                if seen.get(key) != words:
                    seen[key] = words
                    show(task.name, words)
            if standing.ended:
                return _end(cluster, run, standing)
        time.sleep(poll)


def _end(cluster: Cluster, run: str, standing: Standing) -> End:
    failed = [task for task in standing.tasks.values() if task.state == FAILED]
    return End(standing.state, standing.error, tuple(_failure(cluster, run, task) for task in failed))


def _failure(cluster: Cluster, run: str, task: Task) -> Failure:
    """Return why a task failed: what the step itself said last, else what KFP says."""
    lines = [line.rstrip() for line in cluster.log(run, task.pods).splitlines() if line.strip()]
    told = _REASON.findall("\n".join(lines))
    return Failure(task.name, told[-1] if told else task.error or "no reason was left", tuple(lines[-TAIL:]))
