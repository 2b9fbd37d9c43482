"""Workers share the connections of a service, however those arrive."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from service_process import running_service

from serving.connections import LOOK_SECONDS
from serving.fair_share import FairShare

CONNECTIONS = 8


@pytest.fixture
def other():
    """Another process, which lives for as long as the test."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


def tell(directory: Path, pid: int, busy: str) -> Path:
    file = directory / f"busy_connections_{os.getppid()}_{pid}"
    file.write_text(busy)
    return file


@pytest.mark.parametrize(("here", "there", "excess"), [(10, "2", 4), (2, "0", 1), (9, "8", 0), (8, "8", 0), (3, "30", 0), (5, "", 0)])
def test_the_busier_gives_away_half_of_what_it_has_more(here: int, there: str, excess: int, other, tmp_path: Path):
    share = FairShare(tmp_path)
    tell(tmp_path, other.pid, there)
    assert share.excess(here) == excess
    assert (tmp_path / f"busy_connections_{os.getppid()}_{os.getpid()}").read_text() == str(here)


def test_nothing_is_given_to_a_worker_that_has_ended(other, tmp_path: Path):
    share, file = FairShare(tmp_path), tell(tmp_path, other.pid, "0")
    assert share.excess(4) == 2
    other.kill()
    other.wait()
    assert [share.excess(4), share.excess(4)] == [0, 0]
    assert not file.exists()


def test_nothing_is_given_twice_before_the_other_can_tell_that_it_took_it(other, tmp_path: Path):
    share = FairShare(tmp_path)
    tell(tmp_path, other.pid, "2")
    assert [share.excess(6), share.excess(4), share.excess(6)] == [2, 0, 2]


def test_workers_of_another_service_in_the_same_place_are_no_neighbours(other, tmp_path: Path):
    (tmp_path / f"busy_connections_{other.pid}_{other.pid}").write_text("0")
    assert FairShare(tmp_path).excess(9) == 0


def test_alone_or_without_a_place_to_meet_all_is_kept(tmp_path: Path):
    assert FairShare(tmp_path).excess(9) == 0
    assert FairShare(tmp_path / "missing").excess(9) == 0


def connections(service: int) -> list[int]:
    """Return how many connections each worker holds, the fewest first."""
    held = [each.net_connections("tcp") for each in psutil.Process(service).children(recursive=True)]
    return sorted(sum(each.status == psutil.CONN_ESTABLISHED for each in one) for one in held)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_connections_that_stay_open_spread_over_the_workers_and_then_stay(workers: int, bundle: Path, tmp_path: Path):
    settings = {"LOBULE_BUNDLE": str(bundle), "LOBULE_WORKERS": str(workers), "LOBULE_PREDICTION_LOG": "none"}
    even = [CONNECTIONS // workers] * workers
    with running_service(tmp_path, **settings) as running:
        clients = [httpx.Client(base_url=running.url) for _ in range(CONNECTIONS)]

        def ask(seconds: float) -> tuple[int, float]:
            """Ask on each connection in turns; return how many were ended with an answer, and the seconds of the slowest round."""
            ended, slowest, until = 0, 0.0, time.monotonic() + seconds
            while (began := time.monotonic()) < until:
                ended += sum(each.get("/livez").raise_for_status().headers.get("connection") == "close" for each in clients)
                slowest = max(slowest, time.monotonic() - began)
            return ended, slowest

        for _ in range(30):
            ask(1.0)
            if connections(running.process.pid)[-workers:] == even:
                break
        assert connections(running.process.pid)[-workers:] == even
        for _ in range(10):
            ended, slowest = ask(3.0)
            if slowest < LOOK_SECONDS / 2:  # else a look saw connections that this machine had no time to ask on
                break
        assert (ended, slowest < LOOK_SECONDS / 2) == (0, True)
        assert connections(running.process.pid)[-workers:] == even
        for each in clients:
            each.close()
