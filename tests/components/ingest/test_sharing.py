"""Workers of a scan: they share the work, end with it, and a failure of one is told and loses nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.domain.errors import InputError
from components.ingest.look import CHUNK, Chunk
from components.ingest.sharing import share_out

IMAGES = 6 * CHUNK
CHUNKS = range(6)


@pytest.fixture
def chunks(draw) -> list[Chunk]:
    root = draw({f"b/{row:03}.png": row for row in range(IMAGES)})
    images = [(row, str(root / f"b/{row:03}.png"), []) for row in range(IMAGES)]
    return [(number, images[number * CHUNK : (number + 1) * CHUNK]) for number in CHUNKS]


def workers_of(parent: int) -> list[int]:
    """Return the processes that scan for a parent."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (folder / "stat").read_text(), (folder / "cmdline").read_text()
        except OSError:
            continue
        if int(status.rpartition(")")[2].split()[1]) == parent and "components.ingest.worker" in command:
            found.append(int(folder.name))
    return found


def numbers(lines: Iterator[str]) -> list[int]:
    return sorted(json.loads(line)[0] for line in lines)


@pytest.mark.parametrize("processes", [1, 2, 3, 50])
def test_every_chunk_is_answered_once_by_however_many(chunks: list[Chunk], processes: int) -> None:
    lines = list(share_out(chunks, None, processes=processes))
    assert numbers(iter(lines)) == list(CHUNKS)
    assert sorted(lines) == sorted(share_out(chunks, None, processes=1))
    assert workers_of(os.getpid()) == []


def test_a_worker_alone_could_do_everything(chunks: list[Chunk]) -> None:
    lines = share_out(chunks, None, processes=2)
    first = json.loads(next(lines))[0]
    deadline = time.monotonic() + 60  # while this process rests, the worker goes on
    while time.monotonic() < deadline and lines.gi_frame and lines.gi_frame.f_locals["answers"].qsize() != 5:
        time.sleep(0.02)
    assert lines.gi_frame is not None
    assert lines.gi_frame.f_locals["answers"].qsize() == 5
    assert sorted([first, *numbers(lines)]) == list(CHUNKS)


def test_a_killed_worker_is_told_and_the_others_end(chunks: list[Chunk]) -> None:
    lines = share_out(chunks, None, processes=3)
    next(lines)
    os.kill(workers_of(os.getpid())[0], signal.SIGKILL)
    with pytest.raises(InputError, match="ended by signal 9, as when memory runs out"):
        list(lines)
    assert workers_of(os.getpid()) == []


def test_a_worker_that_cannot_start_is_a_defect(chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="exit code 1"):
        list(share_out(chunks, None, processes=2))


def test_workers_end_with_a_scan_that_is_given_up(chunks: list[Chunk]) -> None:
    lines = share_out(chunks, None, processes=3)
    next(lines)
    assert len(workers_of(os.getpid())) == 2
    lines.close()
    assert workers_of(os.getpid()) == []


def test_workers_end_when_their_parent_is_killed(chunks: list[Chunk], tmp_path: Path) -> None:
    code = (
        "import json, sys, time\n"
        "from components.ingest.sharing import share_out\n"
        "lines = share_out(json.loads(sys.argv[1]), None, processes=2)\n"
        "next(lines)\n"
        "print('at work', flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, json.dumps(chunks)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    assert parent.stdout.readline() == "at work\n"
    [worker] = workers_of(parent.pid)
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()


def test_a_worker_imports_nothing_that_takes_long() -> None:
    code = (
        "import sys, io\nsys.stdin = io.StringIO('')\n"
        "from components.ingest.worker import main\nmain()\n"
        "print([name for name in ('pydantic', 'pyarrow', 'scipy', 'pandas', 'kfp', 'pydicom') if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, check=True)
    assert ended.stderr == "[]\n"
