"""A Bento served for a moment on a free loopback port; its processes are always ended.

It stays in the step's process group, so that whoever ends the group of an interrupted run ends it too.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from components.domain.errors import InputError

READY_TIMEOUT = 120.0
"""Seconds after which a service that is not ready is given up."""


@dataclass(frozen=True)
class Served:
    """A running service: its port on 127.0.0.1, and the seconds from start to readiness."""

    port: int
    ready_seconds: float


class Client:
    """Talks to a service over one connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str) -> dict[str, object]:
        """Return the JSON document at a path."""
        return self._ask("GET", path, None)

    def predict(self, image: bytes) -> dict[str, object]:
        """Return the answer for an encoded image, without its thumbnail.

        Raises:
            InputError: if the service does not answer 200.
        """
        return self._ask("POST", "/predict?image=false", image)

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, object]:
        headers = {"Content-Type": "application/octet-stream"} if body else {}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise InputError(f"{method} {path} must answer 200, but got {response.status}: {text[:200]!r}; see the service's output")
        document: dict[str, object] = json.loads(text)
        return document

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def serve_bento(bento: Path, *, home: Path, settings: Mapping[str, str]) -> Iterator[Served]:
    """Serve a Bento; wait until it is ready; end it and its workers when the body ends.

    Args:
        bento: the Bento's directory.
        home: directory for the service's own files and its output.
        settings: environment variables of the service.

    Raises:
        InputError: if it ends, or is not ready in time; with the last lines it told.
    """
    port, output = _free_port(), home / "output.txt"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LOBULE_") and key != "PYTHONPATH"}
    environment |= {"BENTOML_HOME": str(home / "bentoml"), "BENTOML_DO_NOT_TRACK": "True", "LOBULE_HOME": str(home), **settings}
    command = [sys.executable, "-m", "bentoml", "serve", str(bento), "--host", "127.0.0.1", "--port", str(port)]
    began = time.monotonic()
    with output.open("wb") as file:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        while not _ready(port):
            if process.poll() is not None or time.monotonic() - began > READY_TIMEOUT:
                told = " ".join(output.read_text(errors="replace").split())[-400:]
                raise InputError(f"the Bento must be ready within {READY_TIMEOUT:.0f} s, but is not: {told}; package it again")
            time.sleep(0.1)
        yield Served(port, time.monotonic() - began)
    finally:
        end_with_workers(process)


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def end_with_workers(process: subprocess.Popen[bytes]) -> None:
    """End a server of BentoML; its workers stand in process groups of their own."""
    workers = []
    with suppress(psutil.NoSuchProcess):
        workers = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(20)
    process.kill()
    for worker in psutil.wait_procs(workers, timeout=5)[1]:
        with suppress(psutil.NoSuchProcess):
            worker.kill()
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
