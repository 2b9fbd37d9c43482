"""Reads the current window from the prediction log at `LOG/date=YYYY-MM-DD/*.parquet`, and the reference window from the bundle.

The file list is gone through twice: first a few columns only, to know how many images there are and which belong to the window
(`components.monitor.rows`), then the rows that are kept, file by file. Memory stays bounded by `limit` rows, however long the
window is.
"""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.domain.errors import InputError
from components.monitor.groups import group_size
from components.monitor.rows import UNREADABLE, LeftOut, find_rows, reason
from serving.contract import PREDICTION_SCHEMA, REFERENCE_FILE, read_predictions

logger = logging.getLogger(__name__)

LIMIT = 2000
"""Images of the window that are compared. More would cost time and call differences of no practical size significant."""
REFERENCE_LIMIT = 5000
"""Images of the reference that are compared."""


@dataclass(frozen=True)
class Window:
    """Part of the prediction log.

    Attributes:
        table: the rows kept, columns `PREDICTION_SCHEMA`, in order of time; at most `limit`, drawn at random if there were more.
        images: rows of this bundle in the window.
        left_out: what was found and does not belong to it.
    """

    table: pa.Table
    images: int
    left_out: LeftOut


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
    log: Path,
    bundle: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    now: datetime | None = None,
    limit: int = LIMIT,
    seed: int = 0,
) -> Window:
    """Read one bundle's rows with `since <= time < until`.

    Args:
        log: directory of the prediction log; a missing one holds no rows.
        bundle: digest of the bundle, `sha256:<hex>`.
        since: first moment, with a time zone; None is the beginning of the log.
        until: moment after the last, with a time zone; None is its end.
        now: rows dated later have a wrong clock; None is now.
        limit: rows that are kept.
        seed: of the draw among more than `limit` rows.

    Returns:
        The rows and what was left out.

    Raises:
        InputError: if a time lacks its zone, or the window ends before it begins.
    """
    found = find_rows(log, bundle, since=since, until=until, now=now or datetime.now(UTC))
    images, unreadable = found.images, list(found.left_out.unreadable)
    keep = np.ones(images, dtype=bool)
    if images > limit:
        keep[:] = False
        keep[np.random.default_rng(seed).choice(images, limit, replace=False)] = True
    parts = [PREDICTION_SCHEMA.empty_table()]
    begin = 0
    for path, rows in found.files:
        chosen = rows[keep[begin : begin + len(rows)]]
        begin += len(rows)
        if not len(chosen):
            continue
        try:
            parts.append(read_predictions(path).take(pa.array(chosen)))
        except UNREADABLE as error:  # its other columns are damaged
            unreadable.append(reason(path, log, error))
            images -= len(rows)
    table = pa.concat_tables(parts).sort_by("time").combine_chunks()
    if unreadable:
        logger.info("%d files of the prediction log cannot be read, first %s", len(unreadable), unreadable[0])
    return Window(table, images, replace(found.left_out, unreadable=tuple(unreadable)))


def read_reference(bundle: Path, *, limit: int = REFERENCE_LIMIT, seed: int = 0) -> Reference:
    """Read a bundle's reference window and keep at most `limit` rows.

    Raises:
        InputError: if the bundle holds none or it has other columns.
    """
    path = bundle / REFERENCE_FILE
    try:
        table = read_predictions(path)
    except UNREADABLE as error:
        raise InputError(
            f"a bundle must hold a reference window in the columns of the prediction log, but {path} is none "
            f"({type(error).__name__}); train the model again"
        ) from None
    images, size = table.num_rows, group_size(table.column("group").to_pylist())
    if images > limit:
        table = table.take(pa.array(np.sort(np.random.default_rng(seed).choice(images, limit, replace=False))))
    return Reference(table, images, size)
