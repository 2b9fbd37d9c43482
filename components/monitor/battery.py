"""Runs every detector over two tables in the columns of the prediction log and judges them together.

The chance of a false alarm is that of all detectors together (`components.monitor.familywise`).

Measured by `make bench-drift` on tiles of the histology sample that no training saw, references of 1,000 images drawn anew for every
window: 7 alarms in 1,000 windows of 200 independent images at alpha 0.01 (0.7 %, 95 % interval 0.28 to 1.44 %), 6 of 50 images and 14
of 1,000; 8.9, 9.7 and 9.8 % at alpha 0.1. Of windows of whole patients against references of 500 images of some 60 others: 5 in 1,000
where a patient has as many images as in the reference (25 of 8), 66 at alpha 0.1; where fewer, on the safe side (40 of 5: 3, and 34).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from components.monitor.columns import WATCHED
from components.monitor.derived import COMPLETE
from components.monitor.detectors import Detection, detect
from components.monitor.embeddings import COMPARED
from components.monitor.familywise import Floats, Integers, Singles, deal, dealings, labels
from components.monitor.groups import (
    CONFIDENCE,
    DEALT_CONFIDENCE,
    MANY,
    MIDDLE,
    Grouping,
    codes,
    correlation_of_categories,
    correlation_of_embeddings,
    correlation_of_numbers,
    group_size,
)
from components.monitor.pairs import Pair, read_pair, summary, why_not
from components.monitor.verdict import Detector, NotWatched

_FAR = 10.0
"""Standard deviations at which a single detector has said all it can about an image."""


@dataclass(frozen=True)
class Battery:
    """What all detectors found.

    Attributes:
        detectors: by corrected p-value, then effect, strongest first.
        not_watched: columns that could not be compared.
        signal: of the strongest detector, float [rows of current], 0 where a row has no value.
        departure: of each current row, float [rows of current]: how far it departs the way the window moved, mean of the
            detectors that found drift, or by the strongest where none did, in standard deviations of the reference.
    """

    detectors: tuple[Detector, ...]
    not_watched: tuple[NotWatched, ...]
    signal: Floats
    departure: Floats


def run_detectors(
    reference: pa.Table, current: pa.Table, grouping: Grouping | None = None, *, alpha: float, seed: int, most: int | None = None
) -> Battery:
    """Compare two tables column by column.

    Args:
        reference: columns of `PREDICTION_SCHEMA` and those that `components.monitor.derived` adds; which of them there are, are watched.
        current: the same, in order of time.
        grouping: how images come in groups where the tables were drawn from larger windows; None if these are the windows.
        alpha: chance of a false alarm, of all detectors together.
        seed: of the resampling.
        most: dealings at most; None takes as many as alpha needs.
    """
    names = reference.column("group").to_pylist()
    groups = codes(names)
    grouping = grouping or Grouping(group_size(names), max(1, reference.num_rows), max(1, current.num_rows))
    pairs: list[Pair] = []
    not_watched: list[NotWatched] = []
    for column in WATCHED:
        if column.name not in reference.column_names:
            continue
        pair = read_pair(column, reference, current)
        reason = why_not(pair, None if groups is None else len(np.unique(groups)))
        if reason and column.name == "missing" and set(pair.reference) == set(pair.current) == {COMPLETE}:
            continue  # nothing is missing, which needs no telling
        if reason:
            not_watched.append(NotWatched(column.name, reason))
        else:
            pairs.append(pair)
    if not pairs:
        nothing = np.zeros(current.num_rows)
        return Battery((), tuple(not_watched), nothing, nothing)
    detections = [detect(pair, reference.num_rows, current.num_rows, seed=seed) for pair in pairs]
    whole = groups is not None and MANY <= groups.max() + 1 < len(groups)
    confidence = DEALT_CONFIDENCE if whole else CONFIDENCE
    effects = [1.0 if groups is None else _design_effect(pair, groups[pair.reference_rows], grouping, confidence) for pair in pairs]
    shown = [_shown(pair, groups[pair.reference_rows]) if groups is not None and whole else 1.0 for pair in pairs]
    observed = np.array([each.observed(current.num_rows, a / b) for each, a, b in zip(detections, effects, shown, strict=True)])
    chances = deal(
        observed,
        _Statistics(detections, groups if whole else None, current.num_rows, seed),
        rows=reference.num_rows + current.num_rows,
        current=current.num_rows,
        most=most or dealings(alpha),
        seed=seed,
    )
    found = [
        (_detector(pair, detection, float(alone), float(together), effect, alpha=alpha), detection)
        for pair, detection, alone, together, effect in zip(pairs, detections, chances.alone, chances.corrected, effects, strict=True)
    ]
    found.sort(key=lambda item: (item[0].corrected, -item[0].effect))
    telling = [detection.departure for detector, detection in found if detector.drifted] or [found[0][1].departure]
    departure = np.mean(np.clip(telling, -_FAR, _FAR), axis=0)
    return Battery(tuple(detector for detector, _ in found), tuple(not_watched), found[0][1].signal, departure)


class _Statistics:
    """All detectors' statistics of dealings, by one product of matrices; the larger of two where groups are dealt as well as images."""

    def __init__(self, detections: list[Detection], groups: Integers | None, current: int, seed: int) -> None:
        self._detections = detections
        self._columns = np.concatenate([part for each in detections for part in (each.features, each.present[:, None])], axis=1)
        self._rng, self._groups = np.random.default_rng([seed, 1]), None
        if groups is not None:
            members = np.zeros((int(groups.max()) + 1, len(groups)), dtype=np.float32)
            members[groups, np.arange(len(groups))] = 1
            self._groups = members @ self._columns[: len(groups)]
            self._dealt = max(1, round(len(members) * min(0.5, current / len(self._columns))))

    def __call__(self, dealt: Singles) -> Floats:
        found = self._statistics(dealt, self._columns)
        if self._groups is None:
            return found
        whole = labels(self._rng, len(dealt), len(self._groups), self._dealt)
        return np.maximum(found, self._statistics(whole, self._groups))

    def _statistics(self, dealt: Singles, columns: Singles) -> Floats:
        sums, totals = dealt @ columns, columns.sum(axis=0, dtype=np.float64)
        found, begin = [], 0
        for each in self._detections:
            end = begin + each.features.shape[1]
            found.append(each.statistic(sums[:, begin:end], sums[:, end], totals[begin:end], float(totals[end])))
            begin = end + 1
        return np.stack(found, axis=1)


def _design_effect(pair: Pair, groups: Integers, grouping: Grouping, confidence: float) -> float:
    return grouping.design_effect(_correlation(pair, groups, confidence), len(pair.reference), len(pair.current))


def _shown(pair: Pair, groups: Integers) -> float:
    """Return the design effect that is in dealings of whole groups."""
    size = float((np.bincount(groups) ** 2).sum() / len(groups))
    return 1 + (size - 1) * _correlation(pair, groups, MIDDLE)


def _correlation(pair: Pair, groups: Integers, confidence: float) -> float:
    if pair.column.kind == "embedding":
        n = len(pair.reference)
        some = np.sort(np.random.default_rng(0).choice(n, min(n, COMPARED), replace=False))
        return correlation_of_embeddings(pair.reference[some].astype(np.float32), groups[some], confidence=confidence)
    if pair.column.kind == "number":
        return correlation_of_numbers(pair.reference.astype(np.float64), groups, confidence=confidence)
    return correlation_of_categories(pair.reference.tolist(), groups, confidence=confidence)


def _detector(pair: Pair, detection: Detection, alone: float, corrected: float, design_effect: float, *, alpha: float) -> Detector:
    return Detector(
        name=pair.column.name,
        words=pair.column.words,
        kind=pair.column.kind,
        about=pair.column.about,
        p_value=alone,
        corrected=corrected,
        effect=detection.effect,
        drifted=corrected <= alpha,
        design_effect=design_effect,
        missing=len(detection.signal) - len(pair.rows),
        reference=summary(pair, pair.reference),
        current=summary(pair, pair.current),
    )
