"""Compares the current window with the champion's reference window and says whether anything has drifted."""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.domain.errors import InputError
from components.monitor.battery import Battery, run_detectors
from components.monitor.derived import derive
from components.monitor.examples import Examples, pick_examples
from components.monitor.groups import Grouping
from components.monitor.history import Past, Volume, past_windows, volume
from components.monitor.judgement import Evaluated, with_outcome
from components.monitor.onset import onset
from components.monitor.pairs import width_of
from components.monitor.performance import Floors
from components.monitor.seasons import Seasons, judge_by_seasons, read_seasons
from components.monitor.verdict import DriftVerdict, Status
from components.monitor.window import read_reference, read_window
from components.monitor.words import drift_text, no_drift_text, too_little_text, volume_text
from serving.contract import Card, ContractError, tree_digest

logger = logging.getLogger(__name__)

JSON_FILE = "drift.json"
PAGE_FILE = "drift.html"


@dataclass(frozen=True)
class Judged:
    """A verdict and the two tables that it rests on, columns `PREDICTION_SCHEMA` and those of `components.monitor.derived`."""

    verdict: DriftVerdict
    reference: pa.Table
    current: pa.Table


def monitor(
    log: Path,
    bundle: Path,
    output: Path,
    *,
    since: datetime | None,
    until: datetime | None = None,
    alpha: float = 0.01,
    min_images: int = 30,
    seed: int = 0,
    evaluated: Evaluated | None = None,
    labels: Path | None = None,
    floors: Floors | None = None,
) -> DriftVerdict:
    """Judge a window and write `drift.json` and `drift.html`.

    Args:
        log: directory of the prediction log.
        bundle: the model bundle whose answers are watched.
        output: directory for the two files; created if it is not there.
        since: first moment, with a time zone; None is the beginning of the log.
        until: moment after the last; None is its end.
        alpha: chance of an alarm for a window without drift.
        min_images: below this many nothing is claimed.
        seed: of every draw.
        evaluated: evaluation of the model, from which its performance is estimated; None estimates nothing.
        labels: CSV of labels that have come; None if none have.
        floors: of the promotion policy; None says nothing of the performance.

    Returns:
        The verdict; its `exit_code` is 0, 4 or 5.

    Raises:
        InputError: as `judge`.
    """
    from components.monitor.page import write_page

    judged = judge(log, bundle, since=since, until=until, alpha=alpha, min_images=min_images, seed=seed)
    if floors is not None:
        told = with_outcome(judged.verdict, log, bundle, evaluated=evaluated, labels=labels, floors=floors, seed=seed)
        judged = replace(judged, verdict=told)
    output.mkdir(parents=True, exist_ok=True)
    judged.verdict.write(output / JSON_FILE)
    write_page(judged, output / PAGE_FILE)
    return judged.verdict


def judge(
    log: Path,
    bundle: Path,
    *,
    since: datetime | None,
    until: datetime | None = None,
    alpha: float = 0.01,
    min_images: int = 30,
    seed: int = 0,
) -> Judged:
    """Compare the window `since <= time < until` of a bundle's answers with its reference window.

    Args:
        log: directory of the prediction log; a missing one holds no images.
        bundle: the model bundle.
        since: first moment, with a time zone; None is the beginning of the log.
        until: moment after the last; None is its end.
        alpha: chance of an alarm for a window without drift, in [0.001, 0.2].
        min_images: below this many images, in the window or the reference, nothing is claimed; at least 10.
        seed: of every draw.

    Raises:
        InputError: if an argument or the bundle is unfit.
    """
    if not 0.001 <= alpha <= 0.2:
        raise InputError(f"alpha must lie in [0.001, 0.2], but got {alpha}; 0.01 is one false alarm in a hundred windows")
    if min_images < 10:
        raise InputError(f"min_images must be at least 10, but got {min_images}; fewer images show only gross changes")
    try:
        card = Card.read(bundle)
    except ContractError as error:
        raise InputError(str(error)) from None
    digest = tree_digest(bundle)
    window = read_window(log, digest, since=since, until=until, seed=seed)
    reference = read_reference(bundle, seed=seed)
    compared = reference.table.num_rows
    battery, examples = Battery((), (), np.zeros(0), np.zeros(0)), Examples()
    before, now = _derived(reference.table, window.table, card)
    past, came = _history(log, digest, window.images, since=since, until=until, alpha=alpha)
    if min(window.images, compared) >= min_images:
        grouping = Grouping(reference.group_size, reference.images, window.images)
        battery = run_detectors(before, now, grouping, alpha=alpha, seed=seed)
        drifts = any(detector.drifted for detector in battery.detectors)
        earlier = read_seasons(log, digest, past, seed=seed) if past is not None and drifts else None
        if earlier is not None:
            seasons = Seasons(*_derived(earlier.same, earlier.other, card))
            battery = judge_by_seasons(battery, seasons, before, now, reference=reference, least=min_images, alpha=alpha, seed=seed)
        examples = pick_examples(before, now, battery.departure)
    drifted = [detector for detector in battery.detectors if detector.drifted]
    first, last = _span(window.table)
    began = _onset(window.table, battery) if drifted else None
    if not battery.detectors:
        status = Status.TOO_LITTLE_DATA
        text = too_little_text(
            images=window.images,
            reference=compared,
            least=min_images,
            left_out=window.left_out,
        )
    elif drifted:
        status = Status.DRIFT
        text = drift_text(drifted, watched=len(battery.detectors), images=window.images, first=first, onset=began, examples=examples)
    else:
        status = Status.NO_DRIFT
        text = no_drift_text(battery.detectors, images=window.images, reference=compared, alpha=alpha)
    text += volume_text(came)
    logger.info("%s", text)
    verdict = DriftVerdict(
        status=status,
        model=card.name,
        bundle=digest,
        images=window.images,
        compared=window.table.num_rows,
        reference_images=compared,
        since=since,
        until=until,
        first=first,
        last=last,
        alpha=alpha,
        onset=began,
        detectors=battery.detectors,
        not_watched=battery.not_watched,
        left_out=window.left_out,
        examples=examples,
        text=text,
        volume=came,
    )
    return Judged(verdict, before, now)


def _derived(reference: pa.Table, window: pa.Table, card: Card) -> tuple[pa.Table, pa.Table]:
    width = width_of(reference.column("embedding"))
    return derive(reference, card.positive_index, width=width), derive(window, card.positive_index, width=width)


def _history(
    log: Path, digest: str, images: int, *, since: datetime | None, until: datetime | None, alpha: float
) -> tuple[Past | None, Volume | None]:
    """Look at earlier windows; there are none of a window that is open at its beginning, or has not begun yet."""
    now = datetime.now(UTC)
    end = until or now
    if since is None or since >= end:
        return None, None
    past = past_windows(log, digest, begin=since, end=end, now=now)
    return past, volume(images, past, alpha=alpha)


def _span(table: pa.Table) -> tuple[datetime | None, datetime | None]:
    ends = pc.min_max(table.column("time")).as_py()
    return ends["min"], ends["max"]


def _onset(table: pa.Table, battery: Battery) -> datetime | None:
    """Return when the strongest detector's change began, None if with the first row."""
    row = onset(battery.signal)
    began: datetime | None = table.column("time")[row].as_py() if row else None
    return began
