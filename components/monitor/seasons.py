"""A normal Monday is no drift: what differs from the reference as it did at this time of earlier weeks, and then only.

A detector that raised an alarm is laid against earlier windows at the same phase of the week instead of the reference window if

    1. those windows differ from the reference too, and
    2. at the other times of those weeks the difference is at most half as large, so that it comes and goes with the week, and
    3. this window does not differ from them.

A change that stays is found at other times too, so it never becomes usual by lasting. An alarm needs the reference's test first,
so the chance of a false alarm of all detectors together can only fall.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from components.monitor.battery import Battery, run_detectors
from components.monitor.groups import Grouping
from components.monitor.history import DAY, WEEK, Past
from components.monitor.verdict import Detector
from components.monitor.window import LIMIT, Reference, read_window

_PART = 0.5
"""Share of a season's effect that may be there at other times."""


@dataclass(frozen=True)
class Seasons:
    """Rows of earlier weeks, columns `PREDICTION_SCHEMA`: at the phase of the window, and at other times."""

    same: pa.Table
    other: pa.Table


def read_seasons(log: Path, bundle: str, past: Past, *, seed: int) -> Seasons | None:
    """Read earlier weeks; None where there are too few of them, or the window leaves no other time of the week."""
    length = past.length
    if not past.enough or past.step != WEEK or length > WEEK - DAY:
        return None
    share = LIMIT // len(past.begins)
    parts = [read_window(log, bundle, since=each, until=each + length, limit=share, seed=seed).table for each in past.begins]
    latest, earliest = past.begins[0], past.begins[-1]
    whole = read_window(log, bundle, since=earliest, until=latest + WEEK, limit=LIMIT, seed=seed).table
    since = pc.subtract(whole.column("time").cast(pa.int64()), pa.scalar(earliest).cast(pa.timestamp("us", "UTC")).cast(pa.int64()))
    week, long = (each // timedelta(microseconds=1) for each in (WEEK, length))
    phase = pc.subtract(since, pc.multiply(pc.divide(since, week), week))
    return Seasons(pa.concat_tables(parts), whole.filter(pc.greater_equal(phase, long)))


def judge_by_seasons(
    battery: Battery, seasons: Seasons, before: pa.Table, now: pa.Table, *, reference: Reference, least: int, alpha: float, seed: int
) -> Battery:
    """Return the battery with each detector that only follows the week laid against earlier weeks.

    Args:
        battery: of the window against the reference.
        seasons: derived columns (`components.monitor.derived`).
        before: the reference window, derived columns.
        now: the window, derived columns.
        reference: the reference window, for its groups.
        least: images that each part must hold.
        alpha: chance of a false alarm, of all detectors together.
        seed: of the resampling.
    """
    same, other = seasons.same, seasons.other
    if min(same.num_rows, other.num_rows) < least:
        return battery
    once, elsewhere, again = (
        {each.name: each for each in run_detectors(one, two, grouping, alpha=alpha, seed=seed).detectors}
        for one, two, grouping in (
            (before, same, Grouping(reference.group_size, reference.images, same.num_rows)),
            (before, other, Grouping(reference.group_size, reference.images, other.num_rows)),
            (same, now, None),
        )
    )

    def laid(detector: Detector) -> Detector:
        name = detector.name
        if not (detector.drifted and name in once and name in elsewhere and name in again):
            return detector
        comes_and_goes = once[name].drifted and elsewhere[name].effect <= _PART * once[name].effect
        return replace(again[name], seasonal=True) if comes_and_goes and not again[name].drifted else detector

    found = sorted((laid(each) for each in battery.detectors), key=lambda each: (each.corrected, -each.effect))
    return replace(battery, detectors=tuple(found))
