"""`predictions.parquet` of a report: what every seed's model says of every test image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.domain.errors import InputError
from components.domain.metrics import Scored
from components.domain.report import PREDICTIONS_FILE, Report

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("group", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("seed", pa.int64()),
        ("chosen", pa.bool_()),  # the row is of the bundle that training chose on the validation split
        ("predicted_class", pa.string()),
        ("verdict", pa.string()),
        ("probabilities", pa.list_(pa.float32())),  # one per class, in the report's order
    ]
)


@dataclass(frozen=True)
class Predictions:
    """The chosen model's predictions, sorted by image: ids and groups (length N), and what was scored."""

    ids: list[str]
    groups: list[str]
    scored: Scored


def read_predictions(directory: Path, report: Report) -> Predictions:
    """Read the chosen model's rows of `predictions.parquet`.

    Raises:
        InputError: if the file is missing or does not fit the report.
    """
    path = directory / PREDICTIONS_FILE
    try:
        table = pq.read_table(path, schema=SCHEMA)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"a report must come with a valid {PREDICTIONS_FILE}, but {path} is not one ({type(error).__name__}); evaluate the model again"
        ) from None
    table = table.filter(pc.field("chosen")).sort_by([("id", "ascending"), ("label", "ascending")])
    if table.num_rows != report.images:
        raise InputError(f"{path} must hold {report.images} rows of the chosen model, but holds {table.num_rows}; evaluate the model again")
    places = {label: index for index, label in enumerate(report.classes)}
    try:
        scored = Scored(
            labels=np.array([places[label] for label in table.column("label").to_pylist()], dtype=np.int64),
            probabilities=np.array(table.column("probabilities").to_pylist(), dtype=np.float64).reshape(-1, len(places)),
            predicted=np.array([places[label] for label in table.column("predicted_class").to_pylist()], dtype=np.int64),
            positive=places[report.positive],
        )
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} must fit the report's classes {report.classes}, but {error} does not; evaluate the model again") from None
    return Predictions(table.column("id").to_pylist(), table.column("group").to_pylist(), scored)
