"""`make bench-serve`: Lobule's service beside the published app's way to serve, same machine, same network, same uploads, one run.

The published way is Flask with `model.predict` per request (`published_app.py`), under Flask's own server and under gunicorn with a
worker per core; ours is `lobule serve` of the bundle of the same network, with one worker and with one per core, and where f32 was chosen
for this network, which has learnt nothing, in bf16 as well. Requests are made by `load.py` in a process of its own, which
shares the cores with the server and tells what it takes of them. Processor time per request is measured too: other work on the machine
makes everything slower, but hardly touches that. So do rounds: each starts and measures every way once, a ratio is taken within a round,
and what is told is the median of the rounds with the least and the most. A lone request and the bare inference that it is compared with
take turns while the service is up.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import psutil
from serve_report import CONCURRENCY, CORES, Measured, print_table, print_verdict, say
from stages import Stages

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TURNS = 5
"""How often, in a round, a lone request and bare inference are timed beside each other."""
MODELS = {"efficientnetb0": (96, 20.0), "densenet121": (224, 6.0)}
"""Image size, and how many times the requests a second at concurrency 32 are aimed at."""
PUBLISHED_NEEDS = ("tensorflow", "keras", "flask", "gunicorn", "pillow")


@dataclass(frozen=True)
class Way:
    """One way to serve a network.

    Attributes:
        command: that starts the server; `{port}` stands for its port, which is in `BENCH_PORT` too.
        ready: path that answers 200 when it is up.
        settings: for its environment.
        stages: of the bundle that is served, if it is one of ours.
    """

    command: list[str]
    ready: str
    settings: dict[str, str]
    stages: Stages | None = None


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and what it started."""
    return [process, *process.children(recursive=True)]


def spent(process: psutil.Process) -> float:
    """Return the seconds of processor time of a server with its workers."""
    times = [each.cpu_times() for each in family(process)]
    return sum(each.user + each.system for each in times)


@contextmanager
def server(command: list[str], port: int, path: str, settings: dict[str, str]) -> Iterator[tuple[psutil.Process, float]]:
    """Run a server; give it with the seconds until it was ready; end it."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = psutil.Popen(
            command, cwd=ROOT, env=os.environ | settings, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            while True:
                with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                    if answer.status == 200:
                        break
                if process.poll() is not None or time.monotonic() - began > 180:
                    output.seek(0)
                    raise SystemExit(f"{command} did not come up: {output.read().decode(errors='replace')[-1000:]}")
                time.sleep(0.02)
            yield process, time.monotonic() - began
        finally:
            with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                process.terminate()
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def measure(way: Way, *, uploads: Path, seconds: float) -> Measured:
    """Start a server, load it at each concurrency, and say what it did."""
    port = free_port()
    call = [sys.executable, str(HERE / "load.py"), str(port), *(str(file) for file in sorted(uploads.glob("*.*")))]

    def load(concurrency: int, seconds: float) -> dict[str, Any]:
        told = [*call, "--concurrency", str(concurrency), "--seconds", str(seconds), "--warm-up", str(seconds / 4)]
        result: dict[str, Any] = json.loads(subprocess.run(told, check=True, capture_output=True, text=True).stdout)
        return result

    loads: dict[int, dict[str, Any]] = {}
    command = [part.replace("{port}", str(port)) for part in way.command]
    with server(command, port, way.ready, way.settings | {"BENCH_PORT": str(port)}) as (process, ready):
        load(2 * CORES, 2.0)  # Keras traces its function in the first request
        for concurrency in CONCURRENCY:
            before = spent(process)
            loads[concurrency] = load(concurrency, seconds)
            loads[concurrency]["cpu_ms"] = 1e3 * (spent(process) - before) / loads[concurrency]["sent"]
        turns = [(load(1, 1.0)["p50"], way.stages.alone()) for _ in range(TURNS)] if way.stages else []
        memory = max(each.memory_info().rss for each in family(process)) / 2**20
    return Measured(ready, memory, loads, turns)


def installed(names: tuple[str, ...] | list[str], *, follow: bool) -> float:
    """Return the MiB of installed packages, with what they need where `follow` is set."""
    waiting, seen, total = list(names), set(), 0
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        with suppress(PackageNotFoundError):
            package = distribution(name)
            sizes = [Path(str(package.locate_file(file))) for file in package.files or []]
            total += sum(file.stat().st_size for file in sizes if file.is_file())
            needed = [need for need in package.requires or [] if "extra ==" not in need]
            waiting += [re.split(r"[^A-Za-z0-9._-]", need)[0] for need in needed] if follow else []
    return total / 2**20


def compare(folder: Path, name: str, *, rounds: int, seconds: float) -> None:
    """Measure all ways on one network and print what they did."""
    from serving.contract import Card, tree_digest
    from serving.openvino_graph import knows_bf16

    size, target = MODELS[name]
    home, bundle, uploads = folder / name, folder / name / "bundle", folder / "uploads"
    make = [sys.executable, str(HERE / "served_models.py"), str(home), name, str(size)]
    subprocess.run(make, check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
    card = Card.read(bundle)
    say(f"\n{name} at {size} x {size}, bundle {tree_digest(bundle)[:19]}, precision {card.precision}")
    if agreement := card.agreement:
        moved = f"bf16 moves a score by up to {agreement.largest_difference:.3f}"
        say(f"{moved} and changes the class of {agreement.changed} of {agreement.images} images")
    stages = Stages(bundle, uploads)
    ways = published_ways(home / "model.keras")
    theirs = list(ways)
    ways |= {f"{card.precision}, workers: {workers}": own_way(bundle, workers, home, stages) for workers in sorted({1, CORES})}
    if card.precision == "f32" and knows_bf16():
        lower = in_bf16(bundle)
        ways[f"bf16, workers: {CORES}"] = own_way(lower, CORES, home, Stages(lower, uploads))
    done: list[dict[str, Measured]] = []
    for number in range(1, rounds + 1):
        began = time.monotonic()
        done.append({way: measure(ways[way], uploads=uploads, seconds=seconds) for way in ways})
        say(f"round {number} of {rounds}: {time.monotonic() - began:.0f} s")
    print_table(done)
    for way in ways:
        if used := ways[way].stages:
            say(f"{name}, {way}:")
            print_verdict(done, way, theirs, used, target)
    model = (home / "model.keras").stat().st_size / 2**20
    size_mib = sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file()) / 2**20
    refused = {way: sum((Counter(load["refused"]) for each in done for load in each[way].loads.values()), Counter()) for way in ways}
    told = "; ".join(f"{way} {dict(counts)}" for way, counts in refused.items() if counts) or "none"
    say(f"answers other than 200: {told}; bundle {size_mib:.0f} MiB, Keras file {model:.0f} MiB")


def published_ways(model: Path) -> dict[str, Way]:
    """Return how the published app is served: by Flask's own server, and by gunicorn with a worker per core."""
    settings = {"BENCH_MODEL": str(model), "TF_CPP_MIN_LOG_LEVEL": "3"}
    flask = [sys.executable, str(HERE / "published_app.py")]
    gunicorn = [sys.executable, "-m", "gunicorn", "-w", str(CORES), "-b", "127.0.0.1:{port}", "-t", "120", "--chdir", str(HERE)]
    return {
        "Flask": Way(flask, "/health", settings),
        f"gunicorn, workers: {CORES}": Way([*gunicorn, "published_app:app"], "/health", settings),
    }


def own_way(bundle: Path, workers: int, home: Path, stages: Stages) -> Way:
    """Return how we serve a bundle."""
    command = [str(Path(sys.executable).with_name("lobule")), "serve", str(bundle), "--port", "{port}", "--workers", str(workers)]
    return Way(command, "/readyz", {"LOBULE_HOME": str(home / "home")}, stages)


def in_bf16(bundle: Path) -> Path:
    """Copy a bundle that serves in f32, to serve in bf16: as fast as one for which bf16 was chosen."""
    from serving.contract import Card

    lower = bundle.with_name("bf16")
    shutil.copytree(bundle, lower)
    Card.read(bundle).model_copy(update={"precision": "bf16"}).write(lower)
    return lower


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=sorted(MODELS), default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is started and measured")
    parser.add_argument("--seconds", type=float, default=4.0, help="of load at each concurrency")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, str(HERE / "served_models.py"), str(folder / "uploads")], check=True, cwd=ROOT)
        say(f"{CORES} cores, load average {os.getloadavg()[0]:.1f}; uploads of 128 x 128 pixels, PNG and JPEG in turns")
        for model in given.models:
            compare(folder, model, rounds=given.rounds, seconds=given.seconds)
        ours = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "infra" / "serve.lock").read_text(), re.MULTILINE)
        say(f"\nenvironment: published {installed(PUBLISHED_NEEDS, follow=True):.0f} MiB, ours {installed(ours, follow=False):.0f} MiB")


if __name__ == "__main__":
    main()
