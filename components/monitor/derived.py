"""Columns that are watched and not logged as they are: the positive class's score, which fields are missing, reduced embeddings."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.monitor.columns import WATCHED
from components.monitor.embeddings import reduce
from components.monitor.pairs import vectors_of
from serving.contract import PREDICTION_SCHEMA

COMPLETE = "nothing"
_ALWAYS = ("time", "request_id", "bundle", "group")


def derive(table: pa.Table, positive: int, *, width: int) -> pa.Table:
    """Add `score` and `missing` to rows of the prediction log and reduce their embeddings.

    Args:
        table: columns `PREDICTION_SCHEMA`.
        positive: index of the positive class.
        width: of the model's embeddings (`components.monitor.pairs.width_of` of the reference); rows of another width lose theirs.
    """
    lengths = pc.fill_null(pc.list_value_length(table.column("probabilities")), 0)
    known = pc.greater(lengths, positive)
    score = np.full(table.num_rows, np.nan, dtype=np.float32)
    score[known.to_numpy()] = pc.list_element(table.column("probabilities").filter(known), positive).to_numpy()
    table = table.append_column("score", pa.array(score, from_pandas=True)).append_column("missing", _missing(table))
    place = table.schema.get_field_index("embedding")
    return table.set_column(place, "embedding", _reduced(table.column("embedding"), width))


def _missing(table: pa.Table) -> pa.Array:
    """Name the fields without a value in each row: "nothing", or as "confidence, embedding"."""
    names = [column.name for column in WATCHED if column.name in PREDICTION_SCHEMA.names]
    empty = np.stack([_without_value(table.column(name)) for name in names], axis=1)
    found = np.full(table.num_rows, COMPLETE, dtype=object)
    for row in np.flatnonzero(empty.any(axis=1)):
        found[row] = ", ".join(name for name, gone in zip(names, empty[row], strict=True) if gone)
    return pa.array(found.tolist(), pa.string())


def _without_value(column: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    empty = pc.is_null(column)
    if pa.types.is_floating(column.type):
        empty = pc.or_(empty, pc.fill_null(pc.invert(pc.is_finite(column)), True))
    return np.asarray(empty.to_numpy(), dtype=np.bool_)


def _reduced(column: pa.ChunkedArray, width: int) -> pa.Array:
    vectors, rows = vectors_of(column, width)
    found: list[np.ndarray[tuple[int], np.dtype[np.float32]] | None] = [None] * len(column)
    for row, vector in zip(rows.tolist(), reduce(vectors), strict=True):
        found[row] = vector
    return pa.array(found, pa.list_(pa.float32()))
