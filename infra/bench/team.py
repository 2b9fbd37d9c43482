"""What the parts that a team shares take: the tracking server, the database of studies, the volume of the prediction log.

    make bench-team TRACKING=http://127.0.0.1:5000 STUDIES=postgresql+psycopg2://... WATCH="$(pgrep -o -f 'mlflow server')"

Both may be left out: then SQLite in a temporary directory is measured, which says what one machine takes. Where the servers run on this
machine, WATCH names their processes, whose processor time is told as well: other work does not touch it. What is made is deleted again.
"""

import argparse
import io
import os
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq

from serving.contract import PROPERTIES
from serving.rows import Row, rows_table

BATCH = 100
"""Metrics of one call: more than an epoch logs."""
REPORTS = 10
"""Epochs that a trial reports."""


def row_bytes(features: int, rows: int = 500) -> float:
    """Return the bytes on disk of one row of the prediction log, embeddings of `features` numbers drawn, half of them 0."""
    rng = np.random.default_rng(0)

    def row() -> Row:
        return {
            "time": datetime.now(UTC),
            "request_id": str(uuid.uuid4()),
            "bundle": f"sha256:{'a' * 64}",
            "verdict": "accept",
            "predicted_class": "benign",
            "confidence": rng.random(),
            "distance": rng.random(),
            "probabilities": rng.random(2),
            "embedding": np.maximum(rng.standard_normal(features), 0).astype(np.float32),
            **{f"property_{name}": rng.random() for name in PROPERTIES},
            "group": None,
        }

    file = io.BytesIO()
    pq.write_table(rows_table([row() for _ in range(rows)]), file)
    return len(file.getvalue()) / rows


@dataclass(frozen=True)
class Rate:
    """How often a call was answered, and what it took.

    Attributes:
        a_second: calls answered.
        processor: milliseconds of a processor that one call took of the watched processes; 0 where none are.
    """

    a_second: float
    processor: float

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.a_second:,.0f} a second" + (f", {self.processor:.1f} ms of a processor each" if self.processor else "")


def rate(call: Callable[[], object], *, threads: int, seconds: float, watched: Sequence[int]) -> Rate:
    """Return how often a second a call is answered when `threads` call it one after the other."""
    end, counts = time.monotonic() + seconds, [0] * threads

    def work(index: int) -> None:
        while time.monotonic() < end:
            call()
            counts[index] += 1

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    began, before = time.monotonic(), spent(watched)
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return Rate(sum(counts) / (time.monotonic() - began), (spent(watched) - before) / sum(counts) * 1000)


def spent(watched: Sequence[int]) -> float:
    """Return the processor seconds of processes and of those that they started."""
    family = {each for pid in watched for each in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))}
    return sum(sum(each.cpu_times()[:4]) for each in family)  # their own, and those of children that have ended


def tracking(uri: str, *, threads: int, seconds: float, watched: Sequence[int]) -> tuple[Rate, Rate]:
    """Return what logging a batch of metrics takes, and looking an alias up."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client, name = MlflowClient(uri, uri), f"bench-team-{uuid.uuid4().hex[:8]}"
    experiment = client.create_experiment(name)
    run = client.create_run(experiment).info.run_id
    client.create_registered_model(name)
    try:
        version = client.create_model_version(name, f"runs:/{run}/model", run).version
        client.set_registered_model_alias(name, "champion", version)
        steps = iter(range(10**9))

        def log() -> None:
            step = next(steps)
            client.log_batch(run, [Metric(f"metric_{index}", step / 7, int(time.time() * 1000), step) for index in range(BATCH)])

        logged = rate(log, threads=threads, seconds=seconds, watched=watched)
        return logged, rate(lambda: client.get_model_version_by_alias(name, "champion"), threads=threads, seconds=seconds, watched=watched)
    finally:
        client.delete_registered_model(name)
        client.delete_experiment(experiment)


def studies(url: str, *, seconds: float, watched: Sequence[int]) -> Rate:
    """Return what a trial that reports ten epochs takes, one after the other."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    name = f"bench-team-{uuid.uuid4().hex[:8]}"

    def objective(trial: optuna.Trial) -> float:
        value = trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
        for step in range(REPORTS):
            trial.report(value * step, step)
            trial.should_prune()
        return value

    study = optuna.create_study(storage=url, study_name=name)
    try:
        return rate(lambda: study.optimize(objective, n_trials=1), threads=1, seconds=seconds, watched=watched)
    finally:
        optuna.delete_study(storage=url, study_name=name)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tracking", default="", help="MLflow server; user and password in MLFLOW_TRACKING_USERNAME and _PASSWORD")
    parser.add_argument("--studies", default="", help="database of Optuna, as a SQLAlchemy URL")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--watch", type=int, nargs="*", default=[], metavar="PID", help="processes of the servers, where they run here")
    given = parser.parse_args()
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    for features in (256, 1024, 1280):
        say(f"a row of the prediction log, {features:,} features: {row_bytes(features):,.0f} bytes")
    with tempfile.TemporaryDirectory(prefix="lobule-bench-") as folder:
        os.chdir(folder)
        uri = given.tracking or f"sqlite:///{Path(folder) / 'mlflow.db'}"
        logged, looked = tracking(uri, threads=given.threads, seconds=given.seconds, watched=given.watch)
        say(f"tracking server, {given.threads} clients, {BATCH} metrics in a call: {logged}")
        say(f"tracking server, {given.threads} clients, a look at an alias: {looked}")
        tried = studies(given.studies or f"sqlite:///{Path(folder) / 'optuna.db'}", seconds=given.seconds, watched=given.watch)
        say(f"database of studies, 1 client, a trial that reports {REPORTS} epochs: {tried}")


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
