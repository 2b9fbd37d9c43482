"""The prediction log: what was answered, as Parquet files that monitoring reads. No pixels, no identity.

    <directory>/date=2026-01-31/093015.123456-<pid>-<n>.parquet

Requests hand rows over and go on; one thread writes. A file appears under its name only when it is whole, so a reader needs
no lock. A disk that is full or read-only costs rows, which are counted, and never a request.
"""

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from serving.contract import PREDICTION_SCHEMA, read_predictions
from serving.rows import Row, rows_table

logger = logging.getLogger(__name__)
WAITING_ROWS = 10_000
"""Rows that may wait for the writer; about 60 MB with embeddings of 1,280 numbers. More are dropped and counted."""


class PredictionLog:
    """Appends rows from any thread. `written` and `dropped` count rows."""

    def __init__(self, directory: Path, *, flush_rows: int = 500, flush_seconds: float = 30.0) -> None:
        self.directory, self.written, self.dropped = directory, 0, 0
        self._flush_rows, self._flush_seconds = flush_rows, flush_seconds
        self._queue: queue.Queue[Row | None] = queue.Queue(maxsize=WAITING_ROWS)
        self._files = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def add(self, row: Row) -> bool:
        """Hand over one row (`serving.rows.prediction_row`); return whether it was taken. Never waits, never raises."""
        if not self._closed:
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(row)
                return True
        self.dropped += 1
        return False

    def close(self, timeout: float = 10.0) -> None:
        """Write what is waiting and end the writer; waits `timeout` seconds at most."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        rows: list[Row] = []
        due = 0.0
        while True:
            try:
                row = self._queue.get(timeout=max(0.0, due - time.monotonic()) if rows else None)
                if row is None:
                    self._write(rows)
                    return
                if not rows:
                    due = time.monotonic() + self._flush_seconds
                rows.append(row)
            except queue.Empty:
                pass
            if len(rows) >= self._flush_rows or (rows and time.monotonic() >= due):
                self._write(rows)
                rows = []

    def _write(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        now = datetime.now(UTC)
        folder = self.directory / f"date={now:%Y-%m-%d}"
        name = f"{now:%H%M%S.%f}-{os.getpid()}-{self._files}.parquet"
        temporary = folder / f".{name}.part"
        self._files += 1
        try:
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows_table(rows), temporary)
            temporary.rename(folder / name)
            self.written += len(rows)
        except Exception as error:
            self.dropped += len(rows)
            logger.warning("the prediction log lost %d rows: %s cannot be written (%s)", len(rows), folder, type(error).__name__)
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class LogWindow:
    """Rows of a prediction log (`PREDICTION_SCHEMA`) in order of time, and the files that could not be read."""

    table: pa.Table
    skipped: tuple[Path, ...]


def read_log(directory: Path, *, since: datetime | None = None, bundle: str | None = None) -> LogWindow:
    """Read a prediction log.

    Args:
        directory: of the log; a missing one holds no rows.
        since: earliest time, with its time zone.
        bundle: digest of the bundle whose rows are wanted.
    """
    tables, skipped = [PREDICTION_SCHEMA.empty_table()], []
    first_day = f"date={since.astimezone(UTC):%Y-%m-%d}" if since else ""
    for path in sorted(directory.glob("date=*/*.parquet")):
        if path.parent.name < first_day or path.name.startswith("."):
            continue
        try:
            tables.append(read_predictions(path))
        except (OSError, KeyError, ValueError, pa.ArrowException):
            skipped.append(path)
    table = pa.concat_tables(tables)
    if since:
        table = table.filter(pc.greater_equal(table["time"], pa.scalar(since, PREDICTION_SCHEMA.field("time").type)))
    if bundle:
        table = table.filter(pc.equal(table["bundle"], bundle))
    return LogWindow(table.sort_by("time"), tuple(skipped))
