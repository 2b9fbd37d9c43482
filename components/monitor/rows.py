"""Which rows of the prediction log belong to a window, and what is wrong with the others.

A monitor that dies of one bad file watches nothing, and one that mixes in what does not belong tells nothing. So every row that
lies in the window is either kept or counted under the one reason why it is not. Only four short columns are read for it.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.domain.errors import InputError
from components.monitor.familywise import Integers
from serving.contract import PREDICTION_SCHEMA, read_predictions

UNREADABLE = (OSError, ValueError, KeyError, pa.ArrowException)
"""What a file that is no part of the log raises."""
AHEAD = timedelta(minutes=5)
"""A row dated later than this after now has a wrong clock."""
_KEYS = ("time", "bundle", "request_id", "distance")


@dataclass(frozen=True)
class LeftOut:
    """What was found in the window and left out of it.

    Attributes:
        other_bundles: rows that other models answered.
        nameless: rows without a time or a model.
        misdated: rows dated in the future, or more than a day apart from the day of their folder: the clock jumped.
        duplicates: rows that were there already, as where a file was copied: same request, time and distance.
        unreadable: files that could not be read, as `path: reason`.
        empty_days: whole days without an image since the first one, which are no rows and cannot be left out; ISO 8601.
    """

    other_bundles: int = 0
    nameless: int = 0
    misdated: int = 0
    duplicates: int = 0
    unreadable: tuple[str, ...] = ()
    empty_days: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """Say what was left out, one sentence a reason."""
        counts = asdict(self)
        said = [text.format(counts[name]) for name, text in _WORDS.items() if counts[name]]
        said += [f"{len(self.unreadable):,} files of the log could not be read"] if self.unreadable else []
        days = ", ".join(self.empty_days[:3]) + (f" and {len(self.empty_days) - 3} more" if len(self.empty_days) > 3 else "")
        return said + ([f"days without any image: {days}"] if self.empty_days else [])


_WORDS = {
    "other_bundles": "{:,} images were answered by other models and are left out",
    "nameless": "{:,} rows name no time or no model and are left out",
    "misdated": "{:,} rows are dated by a clock that was wrong and are left out",
    "duplicates": "{:,} rows stand in the log twice and count once",
}


@dataclass(frozen=True)
class Found:
    """Rows of one bundle in a window.

    Attributes:
        files: each with the places of its rows, in the order of the log.
        times: of the rows, microseconds since 1970, ascending.
        left_out: the others.
    """

    files: tuple[tuple[Path, Integers], ...]
    times: Integers
    left_out: LeftOut

    @property
    def images(self) -> int:
        """Rows in all."""
        return len(self.times)


def find_rows(log: Path, bundle: str, *, since: datetime | None, until: datetime | None, now: datetime) -> Found:
    """Find one bundle's rows with `since <= time < until`.

    Args:
        log: directory of the prediction log; a missing one holds no rows.
        bundle: digest of the bundle.
        since: first moment, with a time zone; None is the beginning of the log.
        until: moment after the last, with a time zone; None is its end.
        now: rows dated later have a wrong clock.

    Raises:
        InputError: if a time lacks its zone, or the window ends before it begins.
    """
    _check_times(since, until)
    parts: list[tuple[Path, Integers]] = []
    keys: list[pa.Table] = []
    unreadable: list[str] = []
    others = nameless = misdated = 0
    for path in _files(log, since, until):
        try:
            table = read_predictions(path, _KEYS)
        except UNREADABLE as error:
            unreadable.append(reason(path, log, error))
            continue
        named = pc.and_(pc.is_valid(table["time"]), pc.is_valid(table["bundle"]))
        right = pc.fill_null(_clock_is_right(table["time"], _date_of(path.parent.name), now), True)
        inside = pc.and_(pc.and_(named, right), _inside(table["time"], since, until))
        ours = pc.fill_null(pc.equal(table["bundle"], bundle), False)
        nameless += table.num_rows - _count(named)
        misdated += _count(pc.and_(pc.and_(named, ours), pc.invert(right)))
        others += _count(pc.and_(inside, pc.invert(ours)))
        rows = np.flatnonzero(pc.and_(inside, ours).to_numpy())
        if len(rows):
            parts.append((path, rows))
            keys.append(table.take(pa.array(rows)))
    first = _first_rows(keys)
    duplicates = len(first) - int(first.sum())
    files, begin = [], 0
    for path, rows in parts:
        kept = rows[first[begin : begin + len(rows)]]
        begin += len(rows)
        files.append((path, kept))
    times = np.concatenate([np.zeros(0, np.int64), *(table["time"].cast(pa.int64()).to_numpy() for table in keys)])
    left_out = LeftOut(others, nameless, misdated, duplicates, tuple(unreadable), _empty_days(times, until))
    return Found(tuple(files), np.sort(times[first]), left_out)


def reason(path: Path, log: Path, error: Exception) -> str:
    """Return why a file cannot be read, as `path: reason` in one line."""
    text = " ".join(str(error).split())
    return f"{path.relative_to(log).as_posix()}: {text[:160]}"


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


def _clock_is_right(times: pa.ChunkedArray, day: date | None, now: datetime) -> pa.ChunkedArray:
    latest = pa.scalar(now + AHEAD, times.type)
    right = pc.less_equal(times, latest)
    if day is None:
        return right
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    low, high = (pa.scalar(noon + timedelta(hours=hours), times.type) for hours in (-36, 36))
    return pc.and_(right, pc.and_(pc.greater_equal(times, low), pc.less_equal(times, high)))


def _count(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask).as_py() or 0)


def _first_rows(keys: list[pa.Table]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Mark the first of rows with the same request, time and distance, bool [all rows]."""
    table = pa.concat_tables(keys) if keys else PREDICTION_SCHEMA.empty_table().select(_KEYS)
    table = table.append_column("row", pa.array(np.arange(table.num_rows)))
    firsts = table.group_by(["request_id", "time", "distance"]).aggregate([("row", "min")])["row_min"].to_numpy()
    marked = np.zeros(table.num_rows, dtype=np.bool_)
    marked[firsts] = True
    return marked


def _empty_days(times: Integers, until: datetime | None) -> tuple[str, ...]:
    """Return the whole days without a row from the first row on, up to the window's end, or to the last row where that is open."""
    if not len(times):
        return ()
    days = times // 86_400_000_000
    epoch = date(1970, 1, 1)
    last = max(int(days.max()), (until.astimezone(UTC).date() - epoch).days - 1) if until else int(days.max())
    there = set(np.unique(days).tolist())
    return tuple((epoch + timedelta(days=number)).isoformat() for number in range(int(days.min()), last + 1) if number not in there)
