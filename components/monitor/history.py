"""What is usual at this time of the week: earlier windows of the same model, as long as this one and at the same phase.

From them come two things. How many images are usual: a prediction interval of the logarithm of the counts (Student's t with
K - 1 degrees of freedom, variance at least that of Poisson counts), which spreads with the growth or the unrest of the past. And
which changes are only those of the day (`components.monitor.seasons`).

The number of images is told and never makes the verdict by itself: drift leads to labels and to another training, which bring no
images back. So it costs nothing of the chance of a false alarm.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from components.monitor.familywise import Integers
from components.monitor.rows import find_rows

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
MOST = 8
"""Earlier windows that are looked at."""
ENOUGH = 4
"""Earlier windows from which something is called usual."""


@dataclass(frozen=True)
class Past:
    """Earlier windows of the same model.

    Attributes:
        begins: of each, latest first.
        counts: images of each.
        step: from one to the next: weeks, or days where a window of at most a day has too few weeks behind it.
        length: of each, and of the current window.
    """

    begins: tuple[datetime, ...]
    counts: tuple[int, ...]
    step: timedelta
    length: timedelta

    @property
    def enough(self) -> bool:
        """Are these enough to call something usual?"""
        return len(self.counts) >= ENOUGH


@dataclass(frozen=True)
class Volume:
    """How many images came, and how many are usual.

    Attributes:
        images: of the window.
        hours: of the window.
        past: images of earlier windows, latest first.
        step_days: from one of them to the next.
        low, high: usual number of images; None where there is not enough history.
        chance: of a number as unusual as this one; None where there is not enough history.
        unusual: the chance is at most alpha.
    """

    images: int
    hours: float
    past: tuple[int, ...]
    step_days: int
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    unusual: bool = False

    def sentence(self) -> str:
        """Say it in words."""
        rate, each = (
            (self.images / self.hours, "an hour") if self.hours < DAY / HOUR else (self.images * (DAY / HOUR) / self.hours, "a day")
        )
        rounded = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
        came = f"{self.images:,} images came ({rounded} {each})" if self.images else "no image came, the service was silent"
        if self.low is None or self.high is None:
            return f"{came}; how many are usual, {len(self.past)} earlier windows of this model cannot tell, it takes {ENOUGH}"
        phase = "week" if self.step_days % WEEK.days == 0 else "day"
        usual = f"{self.low:,.0f} to {self.high:,.0f} by {len(self.past)} earlier windows at the same time of the {phase}"
        return f"{came}, which is {'not ' if self.unusual else ''}usual: {usual}"


def past_windows(log: Path, bundle: str, *, begin: datetime, end: datetime, now: datetime) -> Past:
    """Count the images of earlier windows, each wholly after the model's first image.

    Args:
        log: directory of the prediction log.
        bundle: digest of the model.
        begin: of the current window, with a time zone.
        end: of the current window, later than `begin`.
        now: rows dated later have a wrong clock.
    """
    length = end - begin
    week = WEEK * -(-length // WEEK)
    found = find_rows(log, bundle, since=begin - (MOST + 1) * week, until=begin, now=now)
    others = found.left_out.other_bundles > 0
    past = _count(found.times, begin, length, week, others=others)
    return past if past.enough or length > DAY else max((_count(found.times, begin, length, DAY, others=others), past), key=_known)


def volume(images: int, past: Past, *, alpha: float) -> Volume:
    """Compare a number of images with those of earlier windows; where these are not enough, only tell it."""
    told = Volume(images, past.length / HOUR, past.counts, past.step.days)
    if not past.enough:
        return told
    from scipy.stats import t  # slow to import

    known = np.array(past.counts, dtype=np.float64) + 0.5
    logs = np.log(known)
    spread = np.sqrt(max(float(logs.var(ddof=1)), 1 / float(known.mean())) * (1 + 1 / len(known)))
    reach = float(t.isf(alpha / 2, len(known) - 1)) * spread
    low, high = (max(0.0, float(np.exp(logs.mean() + side * reach)) - 0.5) for side in (-1, 1))
    chance = float(2 * t.sf(abs(np.log(images + 0.5) - logs.mean()) / spread, len(known) - 1))
    return Volume(images, told.hours, past.counts, past.step.days, low, high, chance, chance <= alpha)


def _known(past: Past) -> int:
    return len(past.counts)


def _count(times: Integers, begin: datetime, length: timedelta, step: timedelta, *, others: bool) -> Past:
    """Count sorted times [n], in microseconds since 1970, in windows `step` apart; empty ones where other models answered do not count."""
    first = int(times[0]) if len(times) else None
    kept: list[tuple[datetime, int]] = []
    for number in range(1, MOST + 1):
        start = begin - number * step
        low = _microseconds(start)
        if first is None or low < first:
            break
        images = int(np.searchsorted(times, low + length // timedelta(microseconds=1)) - np.searchsorted(times, low))
        if images or not others:
            kept.append((start, images))
    return Past(tuple(each for each, _ in kept), tuple(images for _, images in kept), step, length)


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
