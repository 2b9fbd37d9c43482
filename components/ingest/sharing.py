"""Share out a scan between this process and workers, one a further processor, which live as long as the scan.

A worker is an interpreter of its own that imports only what decoding needs: it is at work after a fifth of a second, where a spawned
process would first load whatever program started the scan. This process does not wait but works too. What it alone must do is take
lines and keep them: images, hashes, properties, pixels and checksums never pass through it.
"""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

import components
from components.domain.errors import InputError
from components.ingest.allocator import keep_freed_memory
from components.ingest.look import Chunk, Looker, Storage

AHEAD = 2
"""Chunks that a worker has been given at most: the next one lies ready when it has answered one."""
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Worker = subprocess.Popen[str]


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_out(chunks: Sequence[Chunk], storage: Storage | None, *, processes: int) -> Generator[str, None, None]:
    """Look at all chunks and give the line of each (`Looker.look`), in the order in which they are done.

    Close it, also after an error, so that the workers end.

    Args:
        chunks: of images.
        storage: where the pixels go; None only looks.
        processes: how many work, this one included.

    Raises:
        InputError: if a worker was killed, as by the system when memory runs out.
        RuntimeError: if a worker failed; its traceback stands on standard error.
    """
    keep_freed_memory()
    waiting = deque(chunks)
    answers: SimpleQueue[str | Exception] = SimpleQueue()
    workers = [_start(storage) for _ in range(min(processes, len(chunks)) - 1)]
    threads = [threading.Thread(target=_feed, args=(each, waiting, answers, len(workers)), daemon=True) for each in workers]
    try:
        for thread in threads:
            thread.start()
        looker = Looker(storage)
        for _ in chunks:
            chunk = _next(waiting) if answers.empty() else None
            answer = looker.look(chunk) if chunk else answers.get()
            if isinstance(answer, Exception):
                raise answer
            yield answer
    finally:
        for worker in workers:
            worker.kill()
        for worker, thread in zip(workers, threads, strict=True):
            if thread.ident is not None:
                thread.join()
            with suppress(OSError), worker:  # closes its pipes, one of which may be broken, and waits
                pass


def _start(storage: Storage | None) -> Worker:
    where = [] if storage is None else [str(storage.file), str(storage.spec.height), str(storage.spec.width), storage.spec.fit]
    paths = [str(Path(str(components.__file__)).parents[1]), *filter(None, sys.path)]
    return subprocess.Popen(
        [sys.executable, "-m", "components.ingest.worker", *where],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="ascii",
        env=os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(paths)},
    )


def _feed(worker: Worker, waiting: deque[Chunk], answers: SimpleQueue[str | Exception], workers: int) -> None:
    """Hand chunks to a worker and take its answers, until none is waiting; towards the end one at a time, so that all end together."""
    assert worker.stdin
    assert worker.stdout
    given = 0
    try:
        while True:
            while given < (AHEAD if len(waiting) > AHEAD * (workers + 1) else 1):
                chunk = _next(waiting)
                if chunk is None:
                    break
                worker.stdin.write(json.dumps(chunk) + "\n")
                worker.stdin.flush()
                given += 1
            if not given:
                return
            line = worker.stdout.readline()
            if not line.endswith("\n"):
                break
            answers.put(line)
            given -= 1
    except OSError:  # the pipe broke
        pass
    except Exception as error:
        answers.put(error)
        return
    answers.put(_ended(worker.wait()))


def _ended(code: int) -> Exception:
    if code >= 0:
        return RuntimeError(f"a worker of the scan failed (exit code {code}); its traceback stands above")
    return InputError(
        f"the workers of a scan must live to its end, but one was ended by signal {-code}, as when memory runs out; "
        "free some memory and run it again: it continues where it was"
    )


def _next(waiting: deque[Chunk]) -> Chunk | None:
    try:
        return waiting.popleft()
    except IndexError:
        return None
