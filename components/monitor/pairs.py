"""A watched column on both sides: its usable values as arrays, and why a column cannot be watched."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.monitor.columns import Column
from components.monitor.familywise import Integers, Singles

MIN_VALUES = 10
"""A column is watched only if both sides hold at least this many values of it."""
MIN_GROUPS = 8
"""Groups of the reference window, where they are known, below which `distance` is not watched: whatever comes is measured against
the same few, so that a whole window lies near or far together (7 false alarms in 150 windows at alpha 0.01 with 4 groups)."""

Values = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Pair:
    """A column's usable values on both sides, and the rows that they stand in.

    Attributes:
        column: what it is.
        reference, current: float64 [n] of numbers, str [n] of categories, float32 [n, D] of embeddings.
        reference_rows, rows: int [n], of the tables that they come from.
    """

    column: Column
    reference: Values
    current: Values
    reference_rows: Integers
    rows: Integers


def read_pair(column: Column, reference: pa.Table, current: pa.Table) -> Pair:
    """Read a column of two tables; what is missing, not finite or of another width than most of the reference is left out."""
    sides = reference.column(column.name), current.column(column.name)
    if column.kind == "embedding":
        width = width_of(sides[0])
        (vectors, vector_rows), (others, other_rows) = (vectors_of(side, width) for side in sides)
        return Pair(column, vectors, others, vector_rows, other_rows)
    read = _numbers if column.kind == "number" else _categories
    (before, before_rows), (now, rows) = (read(side) for side in sides)
    return Pair(column, before, now, before_rows, rows)


def why_not(pair: Pair, groups: int | None) -> str:
    """Return why a column cannot be watched, "" if it can; `groups` of the reference, None where they are unknown."""
    for side, values in (("reference", pair.reference), ("current", pair.current)):
        if len(values) < MIN_VALUES:
            return f"{len(values)} values in the {side} window, at least {MIN_VALUES} are needed"
    if pair.column.name == "distance" and groups is not None and groups < MIN_GROUPS:
        return f"{groups} groups in the reference window, at least {MIN_GROUPS} are needed to measure from"
    first = pair.reference[0]
    return "the same value in every image" if (pair.reference == first).all() and (pair.current == first).all() else ""


def summary(pair: Pair, values: Values) -> dict[str, float]:
    """Return `p10`, `median` and `p90` of a number, the share of each category, nothing of embeddings."""
    if pair.column.kind == "number":
        low, middle, high = np.quantile(values.astype(np.float64), [0.1, 0.5, 0.9])
        return {"p10": float(low), "median": float(middle), "p90": float(high)}
    if pair.column.kind == "category":
        names, counts = np.unique(values, return_counts=True)
        return {str(name): float(count / len(values)) for name, count in zip(names, counts, strict=True)}
    return {}


def _numbers(column: pa.ChunkedArray) -> tuple[Values, Integers]:
    values = np.asarray(column.to_numpy(), dtype=np.float64)
    rows = np.flatnonzero(np.isfinite(values))
    return values[rows], rows


def _categories(column: pa.ChunkedArray) -> tuple[Values, Integers]:
    values = column.to_pylist()
    rows = np.array([row for row, value in enumerate(values) if value is not None], dtype=np.int64)
    return np.array([values[row] for row in rows], dtype=str), rows


def width_of(column: pa.ChunkedArray) -> int:
    """Return the width of most vectors of a column, 0 if it holds none."""
    counts = pc.value_counts(pc.drop_null(pc.list_value_length(column))).to_pylist()
    return int(max(counts, key=lambda each: each["counts"])["values"]) if counts else 0


def vectors_of(column: pa.ChunkedArray, width: int) -> tuple[Singles, Integers]:
    """Return the vectors of one width with finite values, float32 [n, width], and their rows."""
    fits = pc.fill_null(pc.equal(pc.list_value_length(column), width), False)
    rows = np.flatnonzero(fits.to_numpy()) if width else np.zeros(0, dtype=np.int64)
    flat = pc.list_flatten(column.filter(fits)).to_numpy() if len(rows) else np.zeros(0)
    vectors = np.asarray(flat, dtype=np.float32).reshape(len(rows), width)
    finite = np.isfinite(vectors).all(axis=1)
    return vectors[finite], rows[finite]
