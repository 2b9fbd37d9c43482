"""The workers of a study on this machine: processes that are started while there are tickets, and replaced when they die.

A process of its own holds the memory of a training, also that of an accelerator, and gives it back whatever happens: one that dies,
for lack of memory or by a signal, takes no study with it.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import optuna

from components.domain.errors import InputError, RefusedError
from components.tune.orders import Orders
from components.tune.storage import fail_dead
from components.tune.tickets import running, waiting

LOOK_SECONDS = 1.0
MOST_STILLBORN = 3
"""Workers that may die in a row before they have taken a trial."""
ENDING_SECONDS = 8.0
Process = subprocess.Popen[bytes]
logger = logging.getLogger(__name__)


def run_workers(study: optuna.Study, orders: Orders, *, processes: int) -> None:
    """Keep processes at work until no trial is waiting or running, here or elsewhere.

    Args:
        study: that was created.
        orders: which study.
        processes: of this machine, at most.

    Raises:
        LobuleError: what a worker found wrong with the study, the data or the weights.
        RuntimeError: if workers die before they have begun.
    """
    stillborn = 0
    with tempfile.TemporaryDirectory(prefix="lobule-study-") as folder, _crew() as crew:
        while True:
            for number, process in list(crew.items()):
                if process.poll() is None:
                    continue
                del crew[number]
                _close(process)
                begun = _has_begun(Path(folder) / str(number))
                stillborn = 0 if begun else stillborn + 1
                if process.returncode:
                    logger.warning("worker %d of the study ended (%s)", number, _words(process.returncode))
                if stillborn >= MOST_STILLBORN:
                    raise RuntimeError(f"{stillborn} workers of the study ended before they began ({_words(process.returncode)})")
            fail_dead(study)
            tickets = waiting(study)
            if not crew and not tickets and not running(study):
                return
            free = [number for number in range(processes) if number not in crew]
            for number in free[: max(0, tickets - sum(not (Path(folder) / str(each)).is_file() for each in crew))]:
                note = Path(folder) / str(number)
                note.unlink(missing_ok=True)
                crew[number] = _start(orders, environment(number, processes), note)
            time.sleep(LOOK_SECONDS)


@contextmanager
def _crew() -> Iterator[dict[int, Process]]:
    """Give the processes by number; end those that are left at the end."""
    crew: dict[int, Process] = {}
    try:
        yield crew
    finally:
        for process in crew.values():
            process.terminate()
        for process in crew.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(ENDING_SECONDS)
            process.kill()
            process.wait()
            _close(process)


def _start(orders: Orders, settings: dict[str, str], note: Path) -> Process:
    process = subprocess.Popen(
        [sys.executable, "-m", "components.tune.worker", note],
        stdin=subprocess.PIPE,
        env={**os.environ, **settings},
    )
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it ended at once: its exit says why
        process.stdin.write(f"{orders.to_json()}\n".encode())
        process.stdin.flush()
    return process


def _close(process: Process) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()


def environment(number: int, workers: int) -> dict[str, str]:
    """Return the environment variables of a worker: of several each takes its share of the cores, and one accelerator in turn.

    What is set already stays. One worker takes all that there is, as it finds it.

    Args:
        number: of the worker, from 0.
        workers: how many there are.
    """
    if workers == 1:
        return {}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = str(max(1, cores // workers))
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    shared = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # else the first one takes all its memory
    chosen = {name: value for name, value in (dict.fromkeys(threads, share) | shared).items() if name not in os.environ}
    devices = _devices()
    return chosen | {"CUDA_VISIBLE_DEVICES": devices[number % len(devices)]} if len(devices) > 1 else chosen


def _devices() -> list[str]:
    """Return the CUDA devices that may be used, by number or identity."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [each for each in named.split(",") if each]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True)
    return listed.stdout.split() if listed.returncode == 0 else []


def _has_begun(note: Path) -> bool:
    """Return whether a worker that ended had begun.

    Raises:
        LobuleError: what it found wrong.
    """
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if found:
        raise (RefusedError if found["code"] == RefusedError.exit_code else InputError)(found["error"])
    return True


def _words(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
