"""The prediction log: what was answered, as Parquet files that monitoring reads. No pixels, no identity.

    <directory>/date=2026-01-31/093015.123456-<pid>-<n>.parquet

The promise: requests hand rows over and go on; one thread writes, every `flush_seconds` or `flush_rows`, whichever comes first.
A process that is killed (SIGKILL, out of memory) loses the rows of the last `flush_seconds` and the file it was writing, and
nothing older: at most `flush_seconds` plus the time of one write. A file appears under its name only when all of it is on the disk
(`fsync`, then `rename`), so a reader needs no lock and never sees half of one, also after the power went. A process that is asked
to end (SIGTERM) loses nothing.

A disk that is full or read-only costs no request: rows wait, up to `WAITING_ROWS`, and are written when it is mended; what does
not fit is dropped, oldest first, and counted. The log keeps to `max_bytes` on disk: the oldest files go first.
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
from itertools import groupby
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from serving.contract import PREDICTION_SCHEMA, read_predictions
from serving.log_keeping import Keeper
from serving.rows import Row, rows_table

logger = logging.getLogger(__name__)
WAITING_ROWS = 10_000
"""Rows that may wait for the disk; about 60 MB with embeddings of 1,280 numbers."""
LOOK_SECONDS = 1.0
"""How often the state is told while rows wait."""
_WORDS = [field.name for field in PREDICTION_SCHEMA if pa.types.is_string(field.type)]
"""Columns that a dictionary makes smaller; looking for one in numbers takes two thirds of the time of a write."""
MOMENT = 0.05
"""Seconds in which rows gather before they are taken over."""
RETRY_SECONDS = 5.0
"""Seconds after which a disk that failed is tried again."""


class Gauges(Protocol):
    """Who is told how the log does."""

    def log_rows(self, *, written: int = 0, lost: int = 0) -> None:
        """Hear of rows that reached the disk, or never will."""

    def log_state(self, *, waiting: int, lag: float) -> None:
        """Hear how many rows wait, and for how many seconds the oldest has."""


class PredictionLog:
    """Appends rows from any thread. `written` and `dropped` count rows."""

    def __init__(
        self,
        directory: Path,
        *,
        flush_rows: int = 500,
        flush_seconds: float = 30.0,
        max_bytes: int = 2 * 2**30,
        gauges: Gauges | None = None,
    ) -> None:
        self.directory, self.written, self.dropped = directory, 0, 0
        self._flush_rows, self._flush_seconds, self._gauges = flush_rows, flush_seconds, gauges
        self._keeper = Keeper(directory, max_bytes)
        self._queue: queue.Queue[Row | None] = queue.Queue(maxsize=WAITING_ROWS)
        self._files = 0
        self._failed = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def add(self, row: Row) -> bool:
        """Hand over one row (`serving.rows.prediction_row`); return whether it was taken. Never waits, never raises."""
        if not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(row)
                return True
        self._lose(1)
        return False

    def close(self, timeout: float = 10.0) -> None:
        """Write what is waiting and end the writer; waits `timeout` seconds at most."""
        if not self._closed.is_set():
            self._closed.set()
            self._queue.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        rows: list[Row] = []
        oldest = again = 0.0
        ended = False
        while not ended:
            due = max(oldest + self._flush_seconds, again)
            most = max(self._flush_rows - len(rows), 0) or self._flush_rows
            arrived = self._take(min(LOOK_SECONDS, max(0.0, due - time.monotonic())) if rows else None, most)
            if arrived and not rows:
                oldest = time.monotonic()
            ended = None in arrived
            rows += [row for row in arrived if row is not None]
            now = time.monotonic()
            full = len(rows) >= self._flush_rows
            if rows and (ended or (now >= again and (full or now >= oldest + self._flush_seconds))):
                rows = self._write(rows)
                again = now + RETRY_SECONDS if rows else 0.0
            self._lose(max(0, len(rows) - WAITING_ROWS))
            rows = rows[-WAITING_ROWS:]
            self._tell(rows, oldest)
        self._lose(len(rows))

    def _take(self, timeout: float | None, most: int) -> list[Row | None]:
        """Wait for a row, and a moment for others: to wake for each would cost requests more than the row does."""
        taken: list[Row | None] = []
        with contextlib.suppress(queue.Empty):
            taken.append(self._queue.get(timeout=timeout))
            if self._queue.qsize() + 1 < most:
                self._closed.wait(MOMENT)
            while len(taken) < most:
                taken.append(self._queue.get_nowait())
        return taken

    def _tell(self, rows: Sequence[Row], oldest: float) -> None:
        if self._gauges:
            self._gauges.log_state(waiting=len(rows) + self._queue.qsize(), lag=time.monotonic() - oldest if rows else 0.0)

    def _lose(self, count: int) -> None:
        self.dropped += count
        if self._gauges and count:
            self._gauges.log_rows(lost=count)

    def _write(self, rows: list[Row]) -> list[Row]:
        """Write rows, a file for each day; return those that must wait because the disk does not take them."""
        waiting: list[Row] = []
        for day, each in groupby(rows, key=lambda row: f"{row['time']:%Y-%m-%d}"):
            part = list(each)
            try:
                self._write_file(self.directory / f"date={day}", part)
            except Exception as error:
                if not self._failed:
                    logger.warning("the prediction log cannot be written (%s); rows wait", type(error).__name__)
                self._failed = True
                waiting += part
                continue
            if self._failed:
                logger.warning("the prediction log can be written again")
            self._failed = False
            self.written += len(part)
            if self._gauges:
                self._gauges.log_rows(written=len(part))
        return waiting

    def _write_file(self, folder: Path, rows: Sequence[Row]) -> None:
        name = f"{datetime.now(UTC):%H%M%S.%f}-{os.getpid()}-{self._files}.parquet"
        temporary = folder / f".{name}.part"
        self._files += 1
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                pq.write_table(rows_table(rows), file, use_dictionary=_WORDS)
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
            temporary.rename(folder / name)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        self._keeper.wrote(size)


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
        except FileNotFoundError:
            continue  # the log keeps to its size while we read
        except (OSError, KeyError, ValueError, pa.ArrowException):
            skipped.append(path)
    table = pa.concat_tables(tables)
    if since:
        table = table.filter(pc.greater_equal(table["time"], pa.scalar(since, PREDICTION_SCHEMA.field("time").type)))
    if bundle:
        table = table.filter(pc.equal(table["bundle"], bundle))
    return LogWindow(table.sort_by("time"), tuple(skipped))
