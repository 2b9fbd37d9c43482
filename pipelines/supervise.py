"""Watches a run on this machine: shows its progress, keeps its log, ends all its processes on Ctrl-C, SIGTERM or a closed terminal.

The pipeline runs in a process group of its own, so that ending the group ends every step and whatever a step started; containers
are no part of it and are ended by the run's name.
"""

import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from components.domain.console import FAILURES
from components.domain.settings import home
from pipelines.runspec import RunSpec

logger = logging.getLogger(__name__)
GRACE_SECONDS = 3.0
LINE = re.compile(r"^\s*\[(?P<step>\w+)\] (?P<text>.*)$")
KEPT = re.compile(r"Task (?P<task>[\w-]+) cache hit")
"""What KFP's local runner tells of a task whose output it had kept; the task itself says nothing then."""
INTERRUPTED, DEFECT = 130, 1

Show = Callable[[str, str], None]
"""Told (step, text) of each line meant for people."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the exit code, and why in one line where it failed."""

    exit_code: int
    reason: str = ""


def supervise(spec: RunSpec, show: Show) -> Outcome:
    """Run the pipeline to its end.

    Args:
        spec: what to run.
        show: told the progress.

    Returns:
        Exit code 0; 2 or 3 with the failing step's own words; 1 for a defect; 130 when interrupted.
    """
    environment = {
        **os.environ,
        "LOBULE_HOME": str(home()),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "BENTOML_DO_NOT_TRACK": "True",
        "DO_NOT_TRACK": "1",
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "pipelines.local_runner", str(spec.write())]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment, start_new_session=True
    )
    failure = Outcome(DEFECT, f"a step failed; its log is {spec.log}")
    with _ending(process) as interrupted, spec.log.open("a", encoding="utf-8") as log:
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            log.flush()
            if task := KEPT.search(line):
                show(task["task"].replace("-", "_"), "kept from before: its inputs and its code are the same")
            if found := LINE.match(line):
                step, text = found["step"], found["text"]
                mark, _, reason = text.partition(": ")
                if mark in FAILURES:
                    failure = Outcome(FAILURES[mark], reason if mark != "defect" else f"{reason} (log: {spec.log})")
                else:
                    show(step, text)
        code = process.wait()
        if spec.on == "docker":
            from pipelines.containers import end_containers

            end_containers(spec.name)
    if interrupted.is_set():
        _close(spec, "KILLED")
        return Outcome(INTERRUPTED, f"interrupted; finished steps are kept: lobule run --resume {spec.name}")
    if code == 0 and spec.result.is_file():
        return Outcome(0)
    _close(spec, "FAILED", failure.reason)
    return failure


@contextmanager
def _ending(process: subprocess.Popen[str]) -> Iterator[threading.Event]:
    """End the process group on SIGINT, SIGTERM and SIGHUP, and in any case at the end; yields whether that happened."""
    interrupted = threading.Event()

    def kill() -> None:
        _signal_group(process, signal.SIGKILL)

    timer = threading.Timer(GRACE_SECONDS, kill)
    timer.daemon = True

    def on_signal(_: int, __: FrameType | None) -> None:
        if interrupted.is_set():
            kill()
            return
        interrupted.set()
        _signal_group(process, signal.SIGTERM)
        timer.start()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield interrupted
    finally:
        timer.cancel()
        kill()
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal_group(process: subprocess.Popen[str], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _close(spec: RunSpec, status: str, reason: str = "") -> None:
    """Leave no MLflow run of this pipeline run marked RUNNING."""
    if "MLFLOW_TRACKING_URI" not in os.environ and not (home() / "mlflow.db").is_file():
        return
    from components.tracking.close import close_run

    try:
        close_run(spec.name, status, reason)
    except Exception as error:  # the run's own failure is what the user must see
        reason = " ".join(str(error).split())[:300]
        logger.warning("the run could not be marked %s in MLflow: %s", status, reason)
