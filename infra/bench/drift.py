"""`make bench-drift`: how often the monitor cries wolf, how often it sees one, and how long it takes over a large log.

False alarms are counted on windows of held-out images without drift, at a chance of 1 %; every window meets a reference drawn anew,
because a window without drift is one where both come from one population. Power is counted on windows of changed images: each
change at three severities and window sizes, all images of the window changed or a quarter of them. Intervals are those of Clopper
and Pearson (95 %). The bundle is that of `--bundle` or the champion's; pools and counts stay in the output folder, so that an
interrupted bench continues (about a quarter of an hour in all on two idle cores; `--minutes 1` takes it in pieces):

    pools/  chances.json  false_alarms.csv  power.csv  power.png  speed.csv
"""

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from drift_plot import plot_power
from drift_pools import CHANGED, HELD_OUT, Pixels, kept, necrotic, other_magnification, other_scanner, pool, population
from drift_speed import measure_speed
from drift_windows import ALPHA, REFERENCE, Bench, Draw, Pool
from scipy.stats import binomtest

from components.domain.corruptions import applicable, corrupt
from components.ingest.source import SAMPLE_SEED
from serving.contract import Card
from serving.predictor import Predictor

SIZES = (50, 200, 1000)
SEVERITIES = (3, 1, 5)
MIDDLE = (3, 200)
"""Severity and window size at which power is promised, and counted best."""
SHARES = {1.0: SIZES, 0.25: (200,)}
"""Share of a window's images that are changed, and the window sizes at which it is counted."""
WINDOWS = 1000
"""Windows without drift of each size."""
POWER_WINDOWS, MANY = 20, 100
"""Windows of each change, severity, size and share; many at `MIDDLE` and of the changes that have no severity."""
CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "other scanner": other_scanner,
    "other magnification": other_magnification,
    "new class": necrotic,
}
"""Changes of the data set that are made of the population's own images."""


class Chances:
    """Chances of the windows of each setting, kept in a file so that an interrupted bench continues."""

    def __init__(self, path: Path, bench: Bench, stop: float) -> None:
        self._path, self._bench, self._stop = path, bench, stop
        self._known: dict[str, list[float]] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, name: str, windows: int, draw: Draw, *, grouped: bool = False) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the chance of each of many windows; ends the bench, to be continued, when its time is over."""
        known = self._known.get(name, [])
        for seed in range(len(known), windows):
            if time.monotonic() > self._stop:
                self._keep(name, known)
                say(f"time is over in {name!r} after {len(known)} windows; run it again to continue")
                raise SystemExit(0)
            known.append(self._bench.chance(seed, draw, grouped=grouped))
        self._keep(name, known)
        return np.array(known[:windows])

    def _keep(self, name: str, chances: list[float]) -> None:
        self._known[name] = chances
        self._path.write_text(json.dumps(self._known))


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def interval(alarms: int, windows: int) -> tuple[float, float, float]:
    """Return the share of alarms and its 95 % interval."""
    found = binomtest(alarms, windows).proportion_ci(0.95, "exact")
    return alarms / windows, float(found.low), float(found.high)


def false_alarms(chances: Chances, bench: Bench, output: Path) -> None:
    """Count alarms without drift, of independent images and of whole patients."""
    settings: list[tuple[str, int, Draw, bool]] = [
        (f"independent images, {size}", size, bench.undrifted(size), False) for size in (200, 50, 1000)
    ]
    settings += [(f"whole patients, {200 // each} of {each} images", 200, bench.patients(200, each), True) for each in (8, 5)]
    say(f"false alarms at a chance of {ALPHA:.0%}, reference of {REFERENCE} images drawn from {HELD_OUT} for each window")
    rows: list[list[object]] = []
    for name, size, draw, grouped in settings:
        found = chances.of(name, WINDOWS, draw, grouped=grouped)
        alarms = int((found <= ALPHA).sum())
        share, low, high = interval(alarms, WINDOWS)
        say(f"  {name:<34} {alarms:3d} of {WINDOWS}: {share:.2%} [{low:.2%}, {high:.2%}]; at 10 %: {(found <= 0.1).mean():.1%}")
        rows.append([name, size, WINDOWS, alarms, share, low, high, float((found <= 0.05).mean()), float((found <= 0.1).mean())])
    _write(
        output / "false_alarms.csv",
        ["windows_of", "images", "windows", "alarms", "rate", "low", "high", "rate_at_0.05", "rate_at_0.1"],
        rows,
    )


def power(chances: Chances, bench: Bench, conditions: Iterable[tuple[str, int, Pool | None]], output: Path) -> None:
    """Count alarms of changed windows; without a pool it is the mix of labels that changes, to `severity` percent malignant."""
    rows: list[list[object]] = []
    say(f"power at a chance of {ALPHA:.0%}, windows from {CHANGED} changed images; windows of {SIZES} images")
    for name, severity, images in conditions:
        for share, sizes in SHARES.items() if images else ((1.0, SIZES),):
            found = []
            for size in sizes:
                draw = bench.changed(images, size, share) if images else bench.mixed(size, severity / 100)
                windows = MANY if (severity in (0, MIDDLE[0]) and size == MIDDLE[1]) else POWER_WINDOWS
                alarms = int((chances.of(f"{name} {severity} {share} {size}", windows, draw) <= ALPHA).sum())
                rows.append([name, severity, share, size, windows, alarms, *interval(alarms, windows)])
                found.append(alarms / windows)
            level = f"{severity or ''}"
            say(f"  {name:<20} {level:>3}  {share:4.0%} changed   " + "   ".join(f"{each:5.3f}" for each in found))
    _write(output / "power.csv", ["change", "severity", "share", "images", "windows", "alarms", "power", "low", "high"], rows)
    plot_power(output / "power.csv", output / "power.png")


def conditions(folder: Path, predictor: Predictor, card: Card) -> Iterator[tuple[str, int, Pool | None]]:
    """Yield every condition with its severity, 0 where it has none, and the answers to its images."""
    images = kept(folder, "changed", lambda: population(CHANGED, first=HELD_OUT - CHANGED))
    makers: list[tuple[str, int, Callable[[Pixels, int], Pixels]]] = [
        (name, 0, lambda pixels, _, change=change: change(pixels)) for name, change in CHANGES.items()
    ]
    kinds = applicable(np.stack([pixels for _, pixels in images[:16]]))
    makers += [(kind, severity, partial(_corrupted, kind=kind, severity=severity)) for severity in SEVERITIES for kind in kinds]
    for name, severity, make in makers:
        made = partial(_made, images, make)
        yield name, severity, Pool.of(pool(folder, f"{name.replace(' ', '-')}-{severity}", predictor, made), card)
    other = pool(folder, "other-stain-0", predictor, lambda: population(CHANGED, first=HELD_OUT - CHANGED, seed=SAMPLE_SEED + 1))
    yield "other stain", 0, Pool.of(other, card)
    for malignant in (60, 70, 80):
        yield "malignant share", malignant, None


def _corrupted(pixels: Pixels, seed: int, *, kind: str, severity: int) -> Pixels:
    return corrupt(pixels, kind, severity, seed=seed)


def _made(images: list[tuple[str, Pixels]], make: Callable[[Pixels, int], Pixels]) -> Iterator[tuple[str, Pixels]]:
    for seed, (title, pixels) in enumerate(images):
        yield title, make(pixels, seed)


def _write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bundle", type=Path, help="of a model trained on sample:histology; default: the champion")
    parser.add_argument("--output", type=Path, default=Path("build/bench-drift"), help="folder of pools, tables and plot")
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after so long; what was done is kept")
    parser.add_argument("--only", choices=("false-alarms", "power", "speed"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    if options.only in (None, "speed"):
        measure_speed(options.output, say)
    if options.only == "speed":
        return
    bundle = options.bundle or _champion()
    predictor, card, folder = Predictor.load(bundle), Card.read(bundle), options.output / "pools"
    held_out = Pool.of(pool(folder, "held-out", predictor, lambda: population(HELD_OUT)), card)
    bench = Bench(held_out, card)
    chances = Chances(options.output / "chances.json", bench, time.monotonic() + 60 * options.minutes)
    if options.only in (None, "false-alarms"):
        false_alarms(chances, bench, options.output)
    if options.only in (None, "power"):
        power(chances, bench, conditions(folder, predictor, card), options.output)


def _champion() -> Path:
    from components.domain.settings import tracking_uri
    from serving.registry import resolve
    from serving.settings import ServiceSettings

    return resolve(None, tracking_uri=tracking_uri(), cache=ServiceSettings.read().cache).bundle


if __name__ == "__main__":
    main()
