"""Brings together what the monitor needs: the champion's bundle, its evaluation, and the files of the log that may hold its answers."""

import logging
import math
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from components.domain.candidates import Candidates
from components.domain.errors import InputError
from components.domain.gathered import CHAMPION_BUNDLE, EVALUATION, LABELS_FILE, Window
from components.domain.names import CHAMPION
from components.tracking.version_run import fetch_evaluation
from serving.contract import Card
from serving.registry import resolve

logger = logging.getLogger(__name__)
EARLIER = 8
"""Earlier windows that are gathered too, whole weeks apart: what is usual at this time of the week is known from them."""
_WEEK = timedelta(days=7)


def gather_window(
    log: Path, predictions: Path, candidates: Path, *, model: str, length: timedelta, labels: Path | None, tracking_uri: str, cache: Path
) -> Window:
    """Copy a window of the log and the champion that it is of.

    Args:
        log: directory of the prediction log.
        predictions: directory to fill with the window (`components.domain.gathered`).
        candidates: directory to fill with the champion.
        model: registered name.
        length: of the window, which ends now.
        labels: CSV of labels that have come; None if none have.
        tracking_uri: of the registry.
        cache: where bundles are kept.

    Returns:
        The window.

    Raises:
        InputError: if there is no log or no such file of labels.
        RegistryError: if the model has no champion.
    """
    if not log.is_dir():
        raise InputError(
            f"the prediction log must be a directory, but {log} is none; mount the service's log there, or set LOBULE_PREDICTION_LOG"
        )
    until = datetime.now(UTC)
    since = until - length
    resolved = resolve(f"{model}@{CHAMPION}", tracking_uri=tracking_uri, cache=cache)
    assert resolved.version is not None, "an alias is of a registered version"
    shutil.copytree(resolved.bundle, candidates / CHAMPION_BUNDLE)
    Candidates(CHAMPION_BUNDLE, {CHAMPION_BUNDLE: Card.read(resolved.bundle).validation.get("auc", 0.0)}).write(candidates)
    known = fetch_evaluation(resolved.name, resolved.version, candidates / EVALUATION)
    files = _copy(log, predictions, since=since, until=until)
    if labels is not None:
        try:
            shutil.copyfile(labels, predictions / LABELS_FILE)
        except OSError as error:
            raise InputError(
                f"labels must be a file that can be read, but {labels} cannot ({error.strerror}); correct the parameter"
            ) from None
    window = Window(since.isoformat(), until.isoformat(), resolved.name, resolved.version)
    window.write(predictions)
    logger.info(
        "%s version %s, %d files of the log from %s on%s",
        *(resolved.name, resolved.version, files, f"{since:%Y-%m-%d %H:%M} UTC", "" if known else "; its run keeps no evaluation"),
    )
    return window


def _copy(log: Path, target: Path, *, since: datetime, until: datetime) -> int:
    """Copy the files of the days from the earliest window to this one; returns how many. Files without a day are taken too."""
    day, step = timedelta(days=1), _WEEK * math.ceil((until - since) / _WEEK)
    first, last = (since - EARLIER * step).date() - day, until.date() + day
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    for path in sorted(log.rglob("*.parquet")):
        try:
            within = first <= date.fromisoformat(path.parent.name.removeprefix("date=")) <= last
        except ValueError:
            within = True
        if not within or path.name.startswith((".", "_")):
            continue
        copy = target / path.relative_to(log)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, copy)
        except FileNotFoundError:  # the service has put it together with others meanwhile, or its time was over
            continue
        count += 1
    return count
