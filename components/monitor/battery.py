"""Runs every detector over two tables in the columns of the prediction log, correcting for their number.

Each detector may raise a false alarm at alpha / detectors only (Bonferroni), so that a window without drift raises one with a
chance of at most alpha altogether, however the columns hang together.

Measured on synthetic windows of independent images (15 detectors, 150 reference and 100 current images): 18 alarms in 2,000
windows at alpha 0.01, 46 in 600 at alpha 0.1. Seen at alpha 0.01, of 100 windows each: brightness lower by half a standard
deviation 66, by one 100; embeddings moved by one standard deviation along one of their six axes 100; positive share 60 %
instead of 30 % 80.

Measured on windows of whole patients of the histology sample, five tiles each, ten seeds, with a simple classifier and its
features (13 detectors). Alarms without drift, taking images for independent -> with the design effect (`components.monitor.groups`):

    patients, reference / current   windows   alpha 0.01   alpha 0.1
    18 / 24                             500     120 -> 2   250 -> 16
     6 / 24                             150      40 -> 2    89 -> 3
    12 / 24                             150      37 -> 2    63 -> 4
    40 / 60                             150      33 -> 0    66 -> 4
    24 / 30, one to five tiles each     150      16 -> 1    56 -> 4

With the estimate of the correlation instead of its upper bound 13 of 300 and 40 of 300 remained for 18 / 24.
Seen at alpha 0.01 with 18 / 24 patients, of 60 windows each: brightness lower by one standard deviation of an image 32, by two
60; red up and blue down by one 44, by two 60. With 40 / 60 patients, of 40 each: brightness lower by half of one 18, by one 40.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.monitor.columns import WATCHED, Column
from components.monitor.detectors import EMBEDDINGS, Comparison, compare_categories, compare_embeddings, compare_numbers
from components.monitor.groups import (
    Grouping,
    codes,
    correlation_of_categories,
    correlation_of_embeddings,
    correlation_of_numbers,
    group_size,
)
from components.monitor.resampling import Floats, Integers, resamples
from components.monitor.verdict import Detector, NotWatched

MIN_VALUES = 10
"""A column is watched only if both sides hold at least this many values of it."""

MIN_GROUPS = 8
"""Groups of the reference window, where they are known, below which `distance` is not watched: whatever comes is measured against
the same few, so that a whole window lies near or far together (7 false alarms in 150 windows at alpha 0.01 with 4 groups)."""

Values = npt.NDArray[np.generic]


@dataclass(frozen=True)
class _Pair:
    """A column's usable values on both sides, and the rows that they stand in."""

    column: Column
    reference: Values
    current: Values
    reference_rows: Integers
    rows: Integers


@dataclass(frozen=True)
class Battery:
    """What all detectors found.

    Attributes:
        detectors: by corrected p-value, then effect, strongest first.
        not_watched: columns that could not be compared.
        signal: of the strongest detector, float [rows of current], 0 where a row has no value.
    """

    detectors: tuple[Detector, ...]
    not_watched: tuple[NotWatched, ...]
    signal: Floats


def run_detectors(reference: pa.Table, current: pa.Table, grouping: Grouping | None = None, *, alpha: float, seed: int) -> Battery:
    """Compare two tables column by column.

    Args:
        reference: columns `PREDICTION_SCHEMA`.
        current: the same, in order of time.
        grouping: how images come in groups where the tables were drawn from larger windows; None if these are the windows.
        alpha: chance of a false alarm.
        seed: of the resampling; each detector has its own stream.
    """
    names = reference.column("group").to_pylist()
    groups = codes(names)
    grouping = grouping or Grouping(group_size(names), max(1, reference.num_rows), max(1, current.num_rows))
    pairs: list[_Pair] = []
    not_watched: list[NotWatched] = []
    for column in WATCHED:
        pair = _pair(column, reference, current)
        reason = _why_not(pair, None if groups is None else len(np.unique(groups)))
        if reason:
            not_watched.append(NotWatched(column.name, reason))
        else:
            pairs.append(pair)
    found: list[tuple[Detector, Floats]] = []
    for pair in pairs:
        rng = np.random.default_rng([seed, zlib.crc32(pair.column.name.encode())])
        deff = 1.0 if groups is None else _design_effect(pair, groups[pair.reference_rows], grouping)
        comparison = _compare(pair, deff, most=resamples(alpha, len(pairs)), rng=rng)
        signal = np.zeros(current.num_rows)
        signal[pair.rows] = comparison.signal
        found.append((_detector(pair, comparison, deff, alpha=alpha, detectors=len(pairs)), signal))
    found.sort(key=lambda item: (not item[0].drifted, item[0].corrected, -item[0].effect))
    signal = found[0][1] if found else np.zeros(current.num_rows)
    return Battery(tuple(detector for detector, _ in found), tuple(not_watched), signal)


def _pair(column: Column, reference: pa.Table, current: pa.Table) -> _Pair:
    if column.kind == "embedding":
        width = _width(reference.column(column.name))
        before, before_rows = _vectors(reference.column(column.name), width)
        now, rows = _vectors(current.column(column.name), width)
        return _Pair(column, before, now, before_rows, rows)
    read = _numbers if column.kind == "number" else _categories
    before, before_rows = read(reference.column(column.name))
    now, rows = read(current.column(column.name))
    return _Pair(column, before, now, before_rows, rows)


def _numbers(column: pa.ChunkedArray) -> tuple[Values, Integers]:
    values = np.asarray(column.to_numpy(), dtype=np.float64)
    rows = np.flatnonzero(np.isfinite(values))
    return values[rows], rows


def _categories(column: pa.ChunkedArray) -> tuple[Values, Integers]:
    values = column.to_pylist()
    rows = np.array([row for row, value in enumerate(values) if value is not None], dtype=np.int64)
    return np.array([values[row] for row in rows], dtype=str), rows


def _width(column: pa.ChunkedArray) -> int:
    lengths = [len(value) for value in column.to_pylist() if value is not None]
    return max(set(lengths), key=lengths.count) if lengths else 0


def _vectors(column: pa.ChunkedArray, width: int) -> tuple[Values, Integers]:
    """Return the vectors of one width with finite values, float32 [n, width], and their rows."""
    values = column.to_numpy()
    rows = [row for row, value in enumerate(values) if value is not None and len(value) == width and np.isfinite(value).all()]
    stacked = np.stack([values[row] for row in rows]).astype(np.float32) if rows and width else np.zeros((0, width), np.float32)
    return stacked, np.array(rows if width else [], dtype=np.int64)


def _why_not(pair: _Pair, groups: int | None) -> str:
    for side, values in (("reference", pair.reference), ("current", pair.current)):
        if len(values) < MIN_VALUES:
            return f"{len(values)} values in the {side} window, at least {MIN_VALUES} are needed"
    if pair.column.name == "distance" and groups is not None and groups < MIN_GROUPS:
        return f"{groups} groups in the reference window, at least {MIN_GROUPS} are needed to measure from"
    pooled = np.concatenate([pair.reference, pair.current])
    return "the same value in every image" if (pooled == pooled[0]).all() else ""


def _design_effect(pair: _Pair, groups: Integers, grouping: Grouping) -> float:
    n, m = len(pair.reference), len(pair.current)
    if pair.column.kind == "embedding":
        correlation = correlation_of_embeddings(pair.reference.astype(np.float32), groups)
        return grouping.design_effect(correlation, min(n, EMBEDDINGS), min(m, EMBEDDINGS))
    if pair.column.kind == "number":
        return grouping.design_effect(correlation_of_numbers(pair.reference.astype(np.float64), groups), n, m)
    return grouping.design_effect(correlation_of_categories(pair.reference.tolist(), groups), n, m)


def _compare(pair: _Pair, deff: float, *, most: int, rng: np.random.Generator) -> Comparison:
    before, now = pair.reference, pair.current
    if pair.column.kind == "embedding":
        return compare_embeddings(before.astype(np.float32), now.astype(np.float32), most=most, rng=rng, design_effect=deff)
    if pair.column.kind == "number":
        return compare_numbers(before.astype(np.float64), now.astype(np.float64), most=most, rng=rng, design_effect=deff)
    return compare_categories(before.tolist(), now.tolist(), most=most, rng=rng, design_effect=deff)


def _detector(pair: _Pair, comparison: Comparison, deff: float, *, alpha: float, detectors: int) -> Detector:
    corrected = min(1.0, comparison.p_value * detectors)
    return Detector(
        name=pair.column.name,
        words=pair.column.words,
        kind=pair.column.kind,
        about=pair.column.about,
        p_value=comparison.p_value,
        corrected=corrected,
        effect=comparison.effect,
        drifted=corrected <= alpha,
        design_effect=deff,
        reference=_summary(pair.column, pair.reference),
        current=_summary(pair.column, pair.current),
    )


def _summary(column: Column, values: Values) -> dict[str, float]:
    if column.kind == "number":
        low, middle, high = np.quantile(values.astype(np.float64), [0.1, 0.5, 0.9])
        return {"p10": float(low), "median": float(middle), "p90": float(high)}
    if column.kind == "category":
        names, counts = np.unique(values, return_counts=True)
        return {str(name): float(count / len(values)) for name, count in zip(names, counts, strict=True)}
    return {}
