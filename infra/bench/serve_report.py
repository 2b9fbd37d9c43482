"""What `make bench-serve` tells: medians over the rounds, and ratios within a round, each with the least and the most of them."""

import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stages import Stages

CONCURRENCY = (1, 8, 32)
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Measured:
    """What one server did in one round.

    Attributes:
        ready: seconds until it answered.
        memory: MiB of its largest process.
        loads: by concurrency what `load.py` says and `cpu_ms`, the processor time of a request.
        turns: median milliseconds of a lone request, and right after it of decoding and bare inference.
    """

    ready: float
    memory: float
    loads: dict[int, dict[str, Any]]
    turns: list[tuple[float, float]]


Round = dict[str, Measured]
"""By the name of the way to serve."""


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def spread(values: Sequence[float], form: str) -> str:
    """Write the median of some values, with the least and the most where there are several."""
    text = format(statistics.median(values), form)
    return f"{text} ({min(values):{form}} to {max(values):{form}})" if len(values) > 1 else text


def print_table(rounds: Sequence[Round]) -> None:
    """Print what each way did: the medians of the rounds; ready and memory are the worst."""
    say(f"{'':22}" + "".join(f"{f'c = {c}: /s':>12}{'p50':>8}{'p99':>8}{'CPU ms':>8}" for c in CONCURRENCY) + f"{'ready s':>9}{'MiB':>7}")
    for way in rounds[0]:
        done = [each[way] for each in rounds]
        cells = ""
        for concurrency in CONCURRENCY:
            middle = [statistics.median(each.loads[concurrency][what] for each in done) for what in ("per_second", "p50", "p99", "cpu_ms")]
            cells += f"{middle[0]:12.1f}" + "".join(f"{value:8.1f}" for value in middle[1:])
        say(f"{way:22}{cells}{max(each.ready for each in done):9.1f}{max(each.memory for each in done):7.0f}")


def print_verdict(rounds: Sequence[Round], way: str, theirs: Sequence[str], stages: Stages, target: float) -> None:
    """Say what one way of ours reached beside the better of theirs, and what bounds it."""
    most, needed = CONCURRENCY[-1], stages.needed
    done = [each[way] for each in rounds]
    loads = [each.loads[most] for each in done]
    others = [[each[name].loads[most] for name in theirs] for each in rounds]
    best = [max(load["per_second"] for load in each) for each in others]
    least = [min(load["p99"] for load in each) for each in others]
    faster = spread([load["per_second"] / other for load, other in zip(loads, best, strict=True)], ".1f")
    later = spread([load["p99"] / other for load, other in zip(loads, least, strict=True)], ".2f")
    say(f"  at c = {most}: {faster} times the requests/s (aim {target:g}), p99 {later} of theirs (aim 0.1)")
    cheaper = [min(other["cpu_ms"] for other in each) / load["cpu_ms"] for each, load in zip(others, loads, strict=True)]
    cost, own = (statistics.median(load[what] for load in loads) for what in ("cpu_ms", "own_ms"))
    parts = ", ".join(f"{name} {ms:.2f}" for name, ms in stages.cpu.items())
    rest = cost - sum(stages.cpu.values())
    say(f"  {spread(cheaper, '.1f')} times less processor time: {parts}, HTTP, threads, log and contention {rest:.2f} ms")
    whole, rate = CORES * 1e3, statistics.median(load["per_second"] for load in loads)
    spent = {"inference, decode and resize": needed, "the rest of the service": cost - needed, "the load": own}
    used = {name: 100 * ms * rate / whole for name, ms in spent.items()}
    shares = ", ".join(f"{name} {share:.0f} %" for name, share in used.items())
    say(f"  of {CORES} cores meanwhile: {shares}, other work and waiting {100 - sum(used.values()):.0f} %")
    limit = whole / (needed + own)
    bound = spread([limit / other for other in best], ".1f")
    say(f"  limit: {limit:.0f} requests/s, {bound} times, were {CORES} idle cores to decode, resize, infer and carry the load;")
    mean, fastest = 1e3 * most / rate, 1e3 * most / limit
    theirs_p99 = spread([fastest / other for other in least], ".2f")
    say(f"  with {most} under way a request takes {mean:.0f} ms on average, there {fastest:.0f}: {theirs_p99} of their p99")
    alone, bare = (statistics.median(turn[place] for each in done for turn in each.turns) for place in (0, 1))
    ratios = spread([statistics.median(served / inferred for served, inferred in each.turns) for each in done], ".2f")
    say(f"  alone: {alone:.1f} ms; decode, resize and bare inference on one thread {bare:.1f} ms: {ratios} times (aim 1.5)")
    ready, memory = max(each.ready for each in done), max(each.memory for each in done)
    say(f"  ready in {ready:.1f} s at most (aim 5), a worker takes {memory:.0f} MiB at most (aim 400)")
