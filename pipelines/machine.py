"""What this machine has for training: processors, memory and GPUs, as far as this process may use them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

from components.domain.fingerprint import Machine

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where a container's memory limit stands: cgroup version 2 and 1."""


def measure_machine() -> Machine:
    """Measure it. Without NVIDIA's driver this takes no time; with it, Keras is asked whether it can use the GPUs."""
    gpus = read_gpus(_nvidia())
    usable = usable_gpus()[0] if gpus else 0
    named = gpus[: usable or 0]
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=round(memory_bytes() / 2**30, 1),
        accelerators=len(named),
        accelerator=named[0][0] if named else "",
        accelerator_memory=round(min(memory for _, memory in named), 1) if named else 0.0,
    )


def usable_gpus() -> tuple[int, str]:
    """Return how many GPUs the training back end sees, and why it sees none where it does not start ("" where it does)."""
    code = "import keras; print(len(keras.distribution.list_devices('gpu')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if found.returncode:
        return 0, (found.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
    return int(found.stdout.split()[-1]), ""


def read_gpus(table: str) -> list[tuple[str, float]]:
    r"""Return name and memory in GiB of each GPU that `nvidia-smi` lists as `name, MiB`; a line that says something else is left out.

    >>> read_gpus("NVIDIA H100 80GB HBM3, 81559\nfailed\n")
    [('NVIDIA H100 80GB HBM3', 79.6)]
    """
    rows = (line.rpartition(", ") for line in table.splitlines())
    return [(name, round(int(memory) / 1024, 1)) for name, _, memory in rows if name and memory.isdecimal()]


def memory_bytes() -> int:
    """Return the main memory of the machine, or of the container that this process is in."""
    limits = [int(text) for text in map(_read, map(Path, _LIMITS)) if text.isdecimal()]
    return min([int(psutil.virtual_memory().total), *limits])


def _nvidia() -> str:
    if shutil.which("nvidia-smi") is None:
        return ""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
