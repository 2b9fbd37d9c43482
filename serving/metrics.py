"""What Prometheus learns: requests, stages, answers, the model, the prediction log. Every label has few values.

BentoML's own request metrics are off: they take the path that a client sends as a label, so that anybody could make the server
remember names without end. Ours know routes. Values of all workers are added up (`prometheus_client`'s multi-process mode).
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from serving.predictor import Prediction
from serving.slot import Served

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TENTHS = tuple(step / 10 for step in range(1, 11))
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
TEXT = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of the exposition format."""


class Metrics:
    """The service's counters. Created in the server process, because `bentoml serve` says there where workers meet."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        _forget_ended_workers()
        self._requests = Counter("lobule_requests_total", "Requests by route, method and status", ["route", "method", "status"])
        self._request_seconds = Histogram("lobule_request_seconds", "Whole requests, upload included", ["route"], buckets=SECONDS)
        self.in_progress = Gauge("lobule_requests_in_progress", "Requests being worked on", multiprocess_mode="livesum")
        self._together = Histogram("lobule_images_together", "Images that went through the graph together", buckets=(1, 2, 4, 8, 16, 32))
        self._stages = Histogram("lobule_stage_seconds", "Stages of one image: decode, predict, draw", ["stage"], buckets=SECONDS)
        self.images = Histogram("lobule_request_images", "Images of one request", buckets=(1, 2, 4, 8, 16, 32, 64))
        self._predictions = Counter(
            "lobule_predictions_total", "Predictions by model version, class and verdict", ["version", "predicted_class", "verdict"]
        )
        self._scores = Histogram("lobule_positive_score", "Calibrated probability of the positive class", ["version"], buckets=TENTHS)
        self.refusals = Counter("lobule_refused_images_total", "Images that were refused, by code", ["code"])
        self._swaps = Counter("lobule_model_changes_total", "Outcomes of following: swapped, refused, unreachable", ["outcome"])
        for outcome in ("swapped", "refused", "unreachable"):
            self._swaps.labels(outcome)  # at 0, or Prometheus would see no increase in the first one
        self._model = Gauge(
            "lobule_model_info", "1 for the model that is served", ["name", "version", "bundle"], multiprocess_mode="livemax"
        )
        self._log_rows = Counter("lobule_prediction_log_rows_total", "Rows of the prediction log: written, lost", ["outcome"])
        self._log_lag = Gauge("lobule_prediction_log_lag_seconds", "Age of the oldest row not yet on disk", multiprocess_mode="livemax")
        self._log_waiting = Gauge("lobule_prediction_log_waiting_rows", "Rows not yet on disk", multiprocess_mode="livesum")
        self._shown: tuple[str, str, str] | None = None

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request that was answered."""
        self._requests.labels(route, method if method in METHODS else "other", str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body of the `with`, also when it fails."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.took(name, time.perf_counter() - began)

    def took(self, stage: str, seconds: float) -> None:
        """Count a stage of one image."""
        self._stages.labels(stage).observe(seconds)

    def run(self, images: int, seconds: float) -> None:
        """Count a run of the graph, which took that long for each of its images."""
        self._together.observe(images)
        for _ in range(images):
            self.took("predict", seconds)

    def prediction(self, prediction: Prediction, served: Served) -> None:
        """Count one answer: its class, its verdict, its score."""
        card, version = served.predictor.card, served.version or ""
        self._predictions.labels(version, card.classes[prediction.predicted_class], prediction.verdict.value).inc()
        self._scores.labels(version).observe(float(prediction.probabilities[card.positive_index]))

    def change(self, outcome: str) -> None:
        """Count an outcome of following the alias."""
        self._swaps.labels(outcome).inc()

    def model(self, served: Served | None) -> None:
        """Tell what is served now."""
        now = (served.name, served.version or "", served.predictor.digest) if served else None
        if now != self._shown:
            if self._shown:
                self._model.labels(*self._shown).set(0)
            if now:
                self._model.labels(*now).set(1)
            self._shown = now

    def log_rows(self, *, written: int = 0, lost: int = 0) -> None:
        """Count rows that reached the disk, or never will."""
        self._log_rows.labels("written").inc(written)
        self._log_rows.labels("lost").inc(lost)

    def log_state(self, *, waiting: int, lag: float) -> None:
        """Tell how many rows wait, and for how many seconds the oldest does."""
        self._log_waiting.set(waiting)
        self._log_lag.set(lag)


def render() -> bytes:
    """Return the values of all workers in the exposition format."""
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, multiprocess

    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _forget_ended_workers() -> None:
    """Drop the gauges of workers that were killed; their counts stay."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if directory:
        for file in Path(directory).glob("gauge_live*_*.db"):
            pid = file.stem.rpartition("_")[2]
            if pid.isdigit() and not psutil.pid_exists(int(pid)):
                file.unlink(missing_ok=True)
