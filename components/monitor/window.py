"""Reads the current window from the prediction log, and the reference window from the bundle.

The log lies at `LOG/date=YYYY-MM-DD/*.parquet`. A monitor that dies of one bad file watches nothing, so a file that cannot be
read is counted and named; rows that another bundle answered are counted and never mixed in.

The file list is gone through twice: first time and bundle only, to know how many images there are, then the rows that are
kept. Memory stays bounded by `limit` rows, however long the window is.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.domain.errors import InputError
from components.monitor.groups import group_size
from serving.contract import PREDICTION_SCHEMA, REFERENCE_FILE, read_predictions

logger = logging.getLogger(__name__)

LIMIT = 2000
"""Images that are compared on each side. More would cost time and call differences of no practical size significant."""

_UNREADABLE = (OSError, ValueError, KeyError, pa.ArrowException)


@dataclass(frozen=True)
class Window:
    """Part of the prediction log.

    Attributes:
        table: the rows kept, columns `PREDICTION_SCHEMA`, in order of time; at most `limit`, drawn at random if there were more.
        images: rows of this bundle in the window.
        other_bundles: rows in the window that other bundles answered, left out.
        unreadable: files that could not be read, as `path: reason`, left out.
    """

    table: pa.Table
    images: int
    other_bundles: int
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """A reference window.

    Attributes:
        table: the rows kept, columns `PREDICTION_SCHEMA`; at most `limit`, drawn at random if there were more.
        images: rows of the whole window.
        group_size: images in the group of an average image of the whole window (`components.monitor.groups`).
    """

    table: pa.Table
    images: int
    group_size: float


def read_window(
    log: Path, bundle: str, *, since: datetime | None = None, until: datetime | None = None, limit: int = LIMIT, seed: int = 0
) -> Window:
    """Read one bundle's rows with `since <= time < until`.

    Args:
        log: directory of the prediction log; a missing one holds no rows.
        bundle: digest of the bundle, `sha256:<hex>`.
        since: first moment, with a time zone; None is the beginning of the log.
        until: moment after the last, with a time zone; None is its end.
        limit: rows that are kept.
        seed: of the draw among more than `limit` rows.

    Returns:
        The rows and what was left out.

    Raises:
        InputError: if a time lacks its zone, or the window ends before it begins.
    """
    _check_times(since, until)
    found: list[tuple[Path, pa.Array]] = []
    unreadable: list[str] = []
    others = 0
    for path in _files(log, since, until):
        try:
            keys = read_predictions(path, ["time", "bundle"])
        except _UNREADABLE as error:
            unreadable.append(_reason(path, log, error))
            continue
        inside = pc.and_(_inside(keys.column("time"), since, until), pc.is_valid(keys.column("bundle")))
        ours = pc.equal(keys.column("bundle"), bundle)
        others += pc.sum(pc.and_(inside, pc.invert(ours))).as_py() or 0
        rows = np.flatnonzero(pc.and_(inside, ours).to_numpy(zero_copy_only=False).astype(bool))
        if len(rows):
            found.append((path, rows))
    images = sum(len(rows) for _, rows in found)
    keep = np.ones(images, dtype=bool)
    if images > limit:
        keep[:] = False
        keep[np.random.default_rng(seed).choice(images, limit, replace=False)] = True
    parts = [PREDICTION_SCHEMA.empty_table()]
    begin = 0
    for path, rows in found:
        chosen = rows[keep[begin : begin + len(rows)]]
        begin += len(rows)
        if not len(chosen):
            continue
        try:
            parts.append(read_predictions(path).take(pa.array(chosen)))
        except _UNREADABLE as error:
            unreadable.append(_reason(path, log, error))
            images -= len(rows)
    table = pa.concat_tables(parts).sort_by("time").combine_chunks()
    if unreadable:
        logger.info("%d files of the prediction log cannot be read, first %s", len(unreadable), unreadable[0])
    return Window(table, images, others, tuple(unreadable))


def read_reference(bundle: Path, *, limit: int = LIMIT, seed: int = 0) -> Reference:
    """Read a bundle's reference window and keep at most `limit` rows.

    Raises:
        InputError: if the bundle holds none or it has other columns.
    """
    path = bundle / REFERENCE_FILE
    try:
        table = read_predictions(path)
    except _UNREADABLE as error:
        raise InputError(
            f"a bundle must hold a reference window in the columns of the prediction log, but {path} is none "
            f"({type(error).__name__}); train the model again"
        ) from None
    images, size = table.num_rows, group_size(table.column("group").to_pylist())
    if images > limit:
        table = table.take(pa.array(np.sort(np.random.default_rng(seed).choice(images, limit, replace=False))))
    return Reference(table, images, size)


def _check_times(since: datetime | None, until: datetime | None) -> None:
    for name, moment in (("since", since), ("until", until)):
        if moment is not None and moment.tzinfo is None:
            raise InputError(f"{name} must have a time zone, but got {moment.isoformat()}; write {moment.isoformat()}+00:00 for UTC")
    if since is not None and until is not None and since >= until:
        raise InputError(f"a window must begin before it ends, but got since={since.isoformat()}, until={until.isoformat()}; swap them")


def _files(log: Path, since: datetime | None, until: datetime | None) -> Iterator[Path]:
    """Yield the log's files; folders of days that lie more than a day outside the window are passed over."""
    day = timedelta(days=1)
    first = since.astimezone(UTC).date() - day if since else None
    last = until.astimezone(UTC).date() + day if until else None
    for path in sorted(log.rglob("*.parquet")):
        if path.name.startswith((".", "_")):
            continue
        when = _date_of(path.parent.name)
        if when is not None and ((first and when < first) or (last and when > last)):
            continue
        yield path


def _date_of(folder: str) -> date | None:
    try:
        return date.fromisoformat(folder.removeprefix("date="))
    except ValueError:
        return None


def _inside(times: pa.ChunkedArray, since: datetime | None, until: datetime | None) -> pa.ChunkedArray:
    inside = pc.is_valid(times)
    if since is not None:
        inside = pc.and_(inside, pc.fill_null(pc.greater_equal(times, pa.scalar(since, times.type)), False))
    if until is not None:
        inside = pc.and_(inside, pc.fill_null(pc.less(times, pa.scalar(until, times.type)), False))
    return inside


def _reason(path: Path, log: Path, error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{path.relative_to(log).as_posix()}: {text[:160]}"
