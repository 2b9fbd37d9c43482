"""How long a verdict over a large log takes and how much memory it needs, beside Evidently's own preset on as many images.

100,000 logged predictions with embeddings of 1,280 numbers in files of 500 rows, as the service writes them, against a reference of
5,000: reading, choosing, comparing and judging, in a process of its own. The log has drifted, which takes longest, as every dealing
is made. Evidently's preset runs in another one, on the fourteen image properties of 5,000 and 5,000 rows, and on a few columns of
the embedding beside them, from which its time for all 1,280 follows.
"""

import csv
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from serving.contract import PREDICTION_SCHEMA, PROPERTIES, Card, tree_digest

ROWS, REFERENCE, WIDTH, FILE_ROWS = 100_000, 5_000, 1_280, 500
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
_DIGEST = "sha256:" + "0" * 64


def measure_speed(output: Path, say: Callable[[str], None]) -> None:
    """Measure and write `speed.csv`: what, seconds by the clock and of processor time, which other work does not touch, and MiB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder)
        rows = []
        for what in ("verdict", "verdict and page", "evidently 14 columns", "evidently 40 columns"):
            done = subprocess.run([sys.executable, __file__, str(folder), what], check=True, capture_output=True, text=True)
            clock, processor, mebibytes, found = done.stdout.splitlines()[-1].split(maxsplit=3)
            rows.append([what, float(clock), float(processor), float(mebibytes)])
            say(f"  {what:<22} {float(clock):6.1f} s, {float(processor):5.1f} s of processor  {float(mebibytes):6.0f} MiB  {found}")
    per_column = (rows[3][2] - rows[2][2]) / 26
    rows.append(["evidently 1280 columns, by extrapolation", float("nan"), rows[2][2] + per_column * (WIDTH - 14), float("nan")])
    say(f"  {rows[-1][0]}: {rows[-1][2]:.0f} s of processor")
    with (output / "speed.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["what", "seconds", "processor_seconds", "mebibytes"], *rows])


def _table(rows: int, seed: int, bundle: str, begin: datetime) -> pa.Table:
    random = np.random.default_rng(seed)
    score = random.beta(0.7, 0.7, rows).astype(np.float32)
    axes = np.random.default_rng(1).normal(size=(24, WIDTH)).astype(np.float32)
    embedding = random.normal(0.5, 1, (rows, 24)).astype(np.float32) @ axes + random.normal(0, 0.3, (rows, WIDTH)).astype(np.float32)
    columns = {
        "time": [begin + timedelta(seconds=each) for each in range(rows)],
        "request_id": [f"{seed}-{each}" for each in range(rows)],
        "bundle": [bundle] * rows,
        "verdict": np.where(np.abs(score - 0.5) < 0.05, "abstain", "accept").tolist(),
        "predicted_class": np.where(score > 0.5, "malignant", "benign").tolist(),
        "confidence": np.maximum(score, 1 - score),
        "distance": random.gamma(4, 0.02, rows).astype(np.float32),
        "probabilities": np.stack([1 - score, score], axis=1).tolist(),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(embedding.ravel()), WIDTH).cast(pa.list_(pa.float32())),
        **{f"property_{name}": random.normal(0.5, 0.1, rows).astype(np.float32) for name in PROPERTIES},
        "group": [None] * rows,
    }
    if bundle:
        columns["property_brightness"] = columns["property_brightness"] + np.float32(0.05)
    return pa.table(columns, schema=PREDICTION_SCHEMA)


def _write(folder: Path) -> None:
    bundle = folder / "bundle"
    bundle.mkdir()
    pq.write_table(_table(REFERENCE, 0, "", BEGIN), bundle / "reference.parquet")
    Card(
        name="bench",
        recipe="bench",
        classes=("benign", "malignant"),
        positive="malignant",
        image={"height": 224, "width": 224},
        temperature=1.0,
        operating_point={"threshold": 0.5, "target_sensitivity": 0.95, "sensitivity": 0.95, "specificity": 0.8},
        limits={"margin": 0.05, "min_confidence": 0.5, "out_of_distribution": 0.5, "false_alarm_rate": 0.01},
        canary_scores=(0.5, 0.5),
        seed=0,
        dataset=_DIGEST,
        certificate=_DIGEST,
        recipe_digest=_DIGEST,
        code=_DIGEST,
        commit="0" * 40,
        leaking=False,
        validation={},
        created=BEGIN.isoformat(),
    ).write(bundle)
    digest = tree_digest(bundle)
    for number in range(ROWS // FILE_ROWS):
        begin = BEGIN + timedelta(seconds=number * FILE_ROWS)
        day = folder / "log" / f"date={begin:%Y-%m-%d}"
        day.mkdir(parents=True, exist_ok=True)
        pq.write_table(_table(FILE_ROWS, 1 + number, digest, begin), day / f"{begin:%H%M%S}-{number}.parquet")


def _verdict(folder: Path, *, page: bool) -> str:
    from components.monitor.monitor import judge
    from components.monitor.page import write_page

    judged = judge(folder / "log", folder / "bundle", since=None)
    if not page:
        return f"{judged.verdict.images} images, {judged.verdict.compared} compared: {judged.verdict.status.value}"
    write_page(judged, folder / "page.html")
    return f"page of {(folder / 'page.html').stat().st_size / 1e6:.1f} MB"


def _evidently(folder: Path, columns: int) -> str:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    names = [f"property_{name}" for name in PROPERTIES]
    files = sorted((folder / "log").rglob("*.parquet"))[: REFERENCE // FILE_ROWS]
    sides = [pa.concat_tables([pq.read_table(file) for file in files]), pq.read_table(folder / "bundle" / "reference.parquet")]
    frames = []
    for side in sides:
        frame = side.select(names).to_pandas()
        embedding = np.stack(side.column("embedding").to_numpy())
        for place in range(columns - len(names)):
            frame[f"embedding_{place}"] = embedding[:, place]
        frames.append(frame)
    Report([DataDriftPreset()]).run(frames[0], frames[1]).dict()
    return f"{len(frames[0])} and {len(frames[1])} rows, {frames[0].shape[1]} columns"


def main() -> None:
    """Do one thing in a process of its own and print its seconds, MiB and what it found."""
    folder, what = Path(sys.argv[1]), sys.argv[2]
    began, before = time.perf_counter(), time.process_time()
    found = _evidently(folder, int(what.split()[1])) if what.startswith("evidently") else _verdict(folder, page="page" in what)
    seconds, processor = time.perf_counter() - began, time.process_time() - before
    sys.stdout.write(f"{seconds} {processor} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024} {found}\n")


if __name__ == "__main__":
    main()
