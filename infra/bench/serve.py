"""`make bench-serve`: Lobule's service beside the published app's way to serve, same machine, same network, same uploads, one run.

The published way is Flask with `model.predict` per request (`published_app.py`), under Flask's own server and under gunicorn with a
worker per core; ours is `lobule serve` of the bundle of the same network, with one worker and with one per core, and where f32 was chosen
for this network, which has learnt nothing, in bf16 as well. Requests are made by `load.py` in a process of its own, which
shares the cores with the server and tells what it takes of them. Processor time per request is measured too: other work on the machine
makes everything slower, but hardly touches that.

With N requests always under way their mean time is N divided by the answers a second, and p99 lies above the mean: nothing that the
service does with its queue, short of refusing, brings p99 below that. So the physical limit bounds it too, and both are told.
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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import psutil
from stages import Stages, measure_stages

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CONCURRENCY = (1, 8, 32)
MODELS = {"efficientnetb0": (96, 20.0), "densenet121": (224, 6.0)}
"""Image size, and how many times the requests a second at concurrency 32 are aimed at."""
PUBLISHED_NEEDS = ("tensorflow", "keras", "flask", "gunicorn", "pillow")
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Measured:
    """What one server did: per concurrency what `load.py` says and `cpu_ms`, the processor time of a request."""

    ready: float
    memory: float
    loads: dict[int, dict[str, float]]


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


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


def measure(command: list[str], port: int, path: str, settings: dict[str, str], *, uploads: Path, seconds: float) -> Measured:
    """Start a server, load it at each concurrency, and say what it did."""
    call = [sys.executable, str(HERE / "load.py"), str(port), *(str(file) for file in sorted(uploads.glob("*.*")))]
    loads: dict[int, dict[str, float]] = {}
    with server(command, port, path, settings) as (process, ready):
        first = [*call, "--concurrency", str(2 * CORES), "--seconds", "2"]  # Keras traces its function in the first request
        subprocess.run(first, check=True, capture_output=True)
        for concurrency in CONCURRENCY:
            before = spent(process)
            told = [*call, "--concurrency", str(concurrency), "--seconds", str(seconds), "--warm-up", str(seconds / 4)]
            loads[concurrency] = json.loads(subprocess.run(told, check=True, capture_output=True, text=True).stdout)
            loads[concurrency]["cpu_ms"] = 1e3 * (spent(process) - before) / loads[concurrency]["sent"]
        memory = max(each.memory_info().rss for each in family(process)) / 2**20
    return Measured(ready, memory, loads)


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


def compare(folder: Path, name: str, *, seconds: float) -> None:
    """Measure all ways on one network and print the table."""
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
    port = free_port()
    published = {"BENCH_MODEL": str(home / "model.keras"), "BENCH_PORT": str(port), "TF_CPP_MIN_LOG_LEVEL": "3"}
    gunicorn = [sys.executable, "-m", "gunicorn", "-w", str(CORES), "-b", f"127.0.0.1:{port}", "-t", "120", "published_app:app"]
    lobule = [str(Path(sys.executable).with_name("lobule")), "serve"]
    theirs = {
        "Flask": measure([sys.executable, str(HERE / "published_app.py")], port, "/health", published, uploads=uploads, seconds=seconds),
        f"gunicorn, {CORES} workers": measure(
            [*gunicorn, "--chdir", str(HERE)], port, "/health", published, uploads=uploads, seconds=seconds
        ),
    }
    served = {f"{card.precision}, 1 worker": (bundle, 1), f"{card.precision}, {CORES} workers": (bundle, CORES)}
    if card.precision == "f32" and knows_bf16():
        served[f"bf16, {CORES} workers"] = (in_bf16(bundle), CORES)
    ours = {}
    for way, (place, workers) in served.items():
        command = [*lobule, str(place), "--port", str(port), "--workers", str(workers)]
        ours[way] = measure(command, port, "/readyz", {"LOBULE_HOME": str(home / "home")}, uploads=uploads, seconds=seconds)
    say(f"{'':20}" + "".join(f"{f'c = {c}: /s':>12}{'p50':>8}{'p99':>8}{'CPU ms':>8}" for c in CONCURRENCY) + f"{'ready s':>9}{'MiB':>7}")
    for way, done in (theirs | ours).items():
        cells = "".join(f"{e['per_second']:12.1f}{e['p50']:8.1f}{e['p99']:8.1f}{e['cpu_ms']:8.1f}" for e in done.loads.values())
        say(f"{way:20}{cells}{done.ready:9.1f}{done.memory:7.0f}")
    stages = {place: measure_stages(place, uploads) for place in dict.fromkeys(place for place, _ in served.values())}
    for way, (place, _) in served.items():
        say(f"{name}, {way}:")
        judge(ours[way], list(theirs.values()), stages[place], target)
    model = (home / "model.keras").stat().st_size / 2**20
    size_mib = sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file()) / 2**20
    refused = [done.loads[CONCURRENCY[-1]]["refused"] for done in (theirs | ours).values()]
    say(f"refused: {refused}; bundle {size_mib:.0f} MiB, Keras file {model:.0f} MiB")


def in_bf16(bundle: Path) -> Path:
    """Copy a bundle that serves in f32, to serve in bf16: as fast as one for which bf16 was chosen."""
    from serving.contract import Card

    lower = bundle.with_name("bf16")
    shutil.copytree(bundle, lower)
    Card.read(bundle).model_copy(update={"precision": "bf16"}).write(lower)
    return lower


def judge(ours: Measured, theirs: list[Measured], stages: Stages, target: float) -> None:
    """Say what one way of ours reached beside the better of theirs, and what bounds it."""
    most = CONCURRENCY[-1]
    load, alone = ours.loads[most], ours.loads[1]["p50"]
    best, least = max(each.loads[most]["per_second"] for each in theirs), min(each.loads[most]["p99"] for each in theirs)
    cost = min(each.loads[most]["cpu_ms"] for each in theirs)
    say(f"  at c = {most}: {load['per_second'] / best:.1f}x the requests/s (aim {target:g}), p99 {load['p99'] / least:.2f} (aim 0.1)")
    rest = load["cpu_ms"] - sum(stages.cpu.values())
    parts = ", ".join(f"{name} {ms:.2f}" for name, ms in stages.cpu.items())
    say(f"  {cost / load['cpu_ms']:.1f}x less processor time: {parts}, HTTP, threads, log and contention {rest:.2f} ms")
    whole, own = CORES * 1e3, load["own_ms"]
    spent = {"inference, decode and resize": stages.needed, "the rest of the service": load["cpu_ms"] - stages.needed, "the load": own}
    used = {name: 100 * ms * load["per_second"] / whole for name, ms in spent.items()}
    shares = ", ".join(f"{name} {share:.0f} %" for name, share in used.items())
    say(f"  of {CORES} cores meanwhile: {shares}, other work and waiting {100 - sum(used.values()):.0f} %")
    limit = whole / (stages.needed + own)
    mean, fastest = 1e3 * most / load["per_second"], 1e3 * most / limit
    say(f"  limit: {limit:.0f} requests/s ({limit / best:.1f}x), were {CORES} idle cores to decode, resize, infer and carry the load;")
    say(f"  with {most} under way a request takes {mean:.0f} ms on average, there {fastest:.0f}: {fastest / least:.2f} of their p99")
    bare = f"decode, resize and bare inference on one thread {stages.alone:.1f} ms: {alone / stages.alone:.2f}x (aim 1.5)"
    say(f"  alone: {alone:.1f} ms; {bare}")
    say(f"  ready in {ours.ready:.1f} s (aim 5), {ours.memory:.0f} MiB a worker (aim 400)")


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=sorted(MODELS), default=list(MODELS))
    parser.add_argument("--seconds", type=float, default=6.0, help="of load at each concurrency")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, str(HERE / "served_models.py"), str(folder / "uploads")], check=True, cwd=ROOT)
        say(f"{CORES} cores, load average {os.getloadavg()[0]:.1f}; uploads of 128 x 128 pixels, PNG and JPEG in turns")
        for model in given.models:
            compare(folder, model, seconds=given.seconds)
        ours = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "infra" / "serve.lock").read_text(), re.MULTILINE)
        say(f"\nenvironment: published {installed(PUBLISHED_NEEDS, follow=True):.0f} MiB, ours {installed(ours, follow=False):.0f} MiB")


if __name__ == "__main__":
    main()
