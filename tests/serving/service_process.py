"""A real `bentoml serve` process on a free loopback port, always stopped."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

web = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), timeout=30)
"""One client for all tests: making one costs more than a request."""
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Running:
    url: str
    process: subprocess.Popen[bytes]
    output: Path

    def stop(self) -> None:
        """Ask it to end, as a container runtime does, and wait."""
        family = self._family()
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        self._end(family)

    def kill(self) -> None:
        """End it and all its workers at once, as a loss of power does."""
        self._end(self._family())

    def _family(self) -> list[psutil.Process]:
        """Return the service and its workers, which are in sessions of their own."""
        try:
            whole = psutil.Process(self.process.pid)
            return [whole, *whole.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _end(self, family: list[psutil.Process]) -> None:
        for each in family:  # first the one that would start others
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait(20)

    def told(self) -> str:
        return self.output.read_text(errors="replace")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_service(home: Path, *, ready: bool = True, **environment: str) -> Iterator[Running]:
    """Start the service with settings; `ready=False` waits for liveness only."""
    home.mkdir(parents=True, exist_ok=True)
    port, output = free_port(), home / "output.txt"
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("LOBULE_", "MLFLOW_"))}
    settings |= {"LOBULE_HOME": str(home), "BENTOML_HOME": str(home / "bentoml"), "BENTOML_DO_NOT_TRACK": "True", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "bentoml", "serve", "serving.service:Lobule", "--host", "127.0.0.1", "--port", str(port)]
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=home, env=settings | environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    running = Running(f"http://127.0.0.1:{port}", process, output)
    try:
        for _ in range(600):
            assert process.poll() is None, running.told()
            with suppress(httpx.HTTPError):
                if web.get(running.url + ("/readyz" if ready else "/livez")).status_code == 200:
                    break
            time.sleep(0.1)
        else:
            raise AssertionError(f"not ready after 60 s:\n{running.told()}")
        yield running
    finally:
        running.stop()
