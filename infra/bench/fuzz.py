"""`make fuzz-serve`: hostile requests against a real service. None may make it fail, fall, or grow.

Images of every kind that is read (and of some that are not) are mutated as fuzzers do: bits, cuts, splices, sizes in headers, lengths
of chunks, other files appended. They go in as multipart, as raw bodies, under wrong types and names, beside requests that are
wrong in themselves; some go over a bare socket, where nothing has to be HTTP. Hypothesis makes them from one seed, so that a run can
be repeated. After it every answer must have been a refusal in words or an answer, and the memory that of the warmed-up service.
"""

import argparse
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from fuzz_seeds import corpus
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from components.serve_check.server import end_with_workers

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = frozenset({200, 400, 401, 404, 405, 408, 411, 413, 414, 415, 422, 429, 431, 503})
INTERESTING = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff",
    b"\xff\xd9",
    b"\xff\xda",
    b"IEND",
)
PATHS = (
    "/predict", "/predict?explain=true", "/predict?image=false", "/predict?explain=%00", "/predict?image=maybe", "/predict/batch",
    "/predict/", "//predict", "/predict/../predict", "/static/../app.py", "/static/%2e%2e/app.py", "/%ff%fe", "/docs", "/openapi.json",
    "/webhooks/mlflow", "/health", "/metrics", "/nothing",
)  # fmt: skip
TYPES = (
    "image/png", "image/jpeg", "application/octet-stream", "application/dicom", "application/json", "text/plain", "",
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=b", "image/" + "x" * 3000, "a/b; =;;\xff",
)  # fmt: skip
HEADERS = ("X-API-Key", "Authorization", "Expect", "X-Request-ID", "Range", "X-MLflow-Signature")
HEADS = (
    b"GET / HTTP/1.1\r\n", b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n", b"\x16\x03\x01",
    b"POST /predict HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n",
    b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n",
)  # fmt: skip


@dataclass
class Tally:
    """What came back: answers by status, and the requests that were wrongly answered."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, what: str, status: int, body: bytes) -> None:
        """Keep one answer."""
        self.statuses[str(status)] += 1
        if status not in ALLOWED:
            self.wrong.append(f"{what}: {status} {body[:200]!r}")
        elif status >= 400 and body and b'"error"' not in body and not body.startswith(b"Invalid HTTP"):
            self.wrong.append(f"{what}: {status} without the form of errors, {body[:200]!r}")


@st.composite
def images(draw: st.DrawFn) -> bytes:
    """Draw the bytes of a file: a seed, mutated up to eight times, perhaps joined with another."""
    seeds = list(corpus().values())
    data = bytearray(draw(st.sampled_from(seeds)))
    rng = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - repeatable, not secret
    for _ in range(draw(st.integers(0, 8))):
        place = rng.randrange(len(data) + 1) if rng.random() < 0.5 else rng.randrange(min(len(data), 64) + 1)  # headers matter most
        match draw(st.integers(0, 6)):
            case 0:
                data[place : place + 1] = bytes([rng.randrange(256)])
            case 1:
                word = rng.choice(INTERESTING)
                data[place : place + len(word)] = word
            case 2:
                del data[place:]
            case 3:
                del data[place : place + rng.randrange(1, 100)]
            case 4:
                data[place:place] = data[rng.randrange(len(data) + 1) :][: rng.randrange(1, 2000)]
            case 5:
                data[place:place] = rng.randbytes(rng.randrange(1, 300))
            case _:
                data[place:] = rng.choice(seeds)[min(place, 40) :]
    return bytes(data)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[str, str], bytes]:
    """Draw a request: method, path, headers, body. Two thirds ask for a prediction as a client would."""
    data = draw(images())
    plain = draw(st.integers(0, 2)) > 0
    path = draw(st.sampled_from(PATHS[:3])) if plain else draw(st.sampled_from(PATHS))
    method = "POST" if plain else draw(st.sampled_from(("POST", "POST", "GET", "PUT", "HEAD", "OPTIONS", "DELETE")))
    if draw(st.booleans()):
        names = draw(
            st.lists(st.sampled_from(("image", "file", "images", "x" * 500, '"; name="image', "../../etc/passwd", "")), max_size=4)
        )
        parts = [
            _part(name, data if index == 0 else data[:99], draw(st.text(max_size=20))) for index, name in enumerate(names or ["image"])
        ]
        body = b"".join(parts) + b"--frontier--\r\n"
        if not plain and draw(st.booleans()):
            body = body[: draw(st.integers(0, len(body)))]
        return method, path, {"Content-Type": "multipart/form-data; boundary=frontier"}, body
    kind = draw(st.sampled_from(TYPES[:4])) if plain else draw(st.sampled_from(TYPES))
    headers = {"Content-Type": kind}
    if not plain:
        values = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
        headers |= draw(st.dictionaries(st.sampled_from(HEADERS), values, max_size=3))
    return method, path, headers, data


def _part(name: str, data: bytes, file: str) -> bytes:
    head = f'--frontier\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\nContent-Type: image/png\r\n\r\n'
    return head.encode("utf-8", "replace") + data + b"\r\n"


def ask(port: int, request: tuple[str, str, dict[str, str], bytes], tally: Tally) -> None:
    """Send a request as a client library does."""
    method, path, headers, body = request
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value.encode("latin-1"))
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            tally.note(f"{method} {path} {headers}", response.status, response.read())
        except (http.client.HTTPException, ValueError):
            tally.statuses["no HTTP"] += 1
        except OSError as error:  # refused before all of it was sent
            tally.statuses["closed"] += 1
            if isinstance(error, TimeoutError):
                tally.wrong.append(f"{method} {path} {headers}: no answer in 60 s")


def shout(port: int, noise: bytes, tally: Tally) -> None:
    """Send bytes that need not be HTTP over a bare socket, and go."""
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as connection:
        connection.sendall(noise)
        connection.shutdown(socket.SHUT_WR)
        head = connection.recv(65536)
        tally.statuses["socket"] += 1
        if head.startswith(b"HTTP/1.1 5") and not head.startswith(b"HTTP/1.1 503"):
            tally.wrong.append(f"socket {noise[:80]!r}: {head[:200]!r}")


def run(port: int, count: int, first: int, tally: Tally) -> None:
    """Send `count` requests, made from a seed."""
    heads = st.sampled_from(HEADS)
    noises = st.tuples(heads, st.binary(max_size=300)).map(b"".join)
    kinds = st.one_of(requests(), requests(), requests(), requests(), noises)

    @seed(first)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(kinds)
    def attack(made: tuple[str, str, dict[str, str], bytes] | bytes) -> None:
        shout(port, made, tally) if isinstance(made, bytes) else ask(port, made, tally)

    attack()


def memory(process: psutil.Process) -> float:
    """Return what the server and its workers hold, in MiB."""
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True))) / 2**20


def serve(bundle: Path, home: Path, threads: int | None) -> tuple[subprocess.Popen[bytes], int]:
    """Start the service with a bundle; return it and its port once it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LOBULE_", "MLFLOW_"))}
    environment |= {
        "LOBULE_HOME": str(home),
        "LOBULE_BUNDLE": str(bundle),
        **({"LOBULE_THREADS": str(threads)} if threads else {}),
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "bentoml", "serve", "serving.service:Lobule", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    for _ in range(600):
        with suppress(OSError, http.client.HTTPException), closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as probe_:
            probe_.request("GET", "/readyz")
            if probe_.getresponse().status == 200:
                return process, port
        time.sleep(0.1)
    raise SystemExit((home / "output.txt").read_text(errors="replace"))


def main() -> int:
    """Parse the command line, attack, tell; 0 when nothing failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundle", type=Path, help="bundle directory to serve")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument(
        "--threads", type=int, help="of the service, if not as many as it takes; with 1, requests are answered on the event loop"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--growth", type=float, default=32.0, help="MiB that memory may grow after the first three tenths")
    options = parser.parse_args()
    tally, began = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lobule-fuzz-") as home:
        process, port = serve(options.bundle.resolve(), Path(home), options.threads)
        try:
            watched = psutil.Process(process.pid)
            workers = {each.pid for each in watched.children(recursive=True)}
            held, part = [], -(-options.requests // 10)
            for turn in range(10):  # memory is looked at after each tenth
                run(port, part, options.seed + turn, tally)
                held.append(round(memory(watched)))
            alive = workers <= {each.pid for each in watched.children(recursive=True)}
            told = (Path(home) / "output.txt").read_text(errors="replace")
        finally:
            end_with_workers(process)
    failures = [*tally.wrong, *(["a worker died"] if not alive else []), *(["a traceback was logged"] if "Traceback" in told else [])]
    if held[-1] - held[2] > options.growth:
        failures.append(f"memory grew from {held[2]} to {held[-1]} MiB after the first three tenths")
    document = {
        "requests": sum(tally.statuses.values()), "seed": options.seed, "seconds": round(time.monotonic() - began),
        "answers": dict(sorted(tally.statuses.items())), "memory_mib": held,
        "failures": failures[:20],
    }  # fmt: skip
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    if "Traceback" in told:
        sys.stderr.write(told[told.index("Traceback") - 500 :][:6000])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
