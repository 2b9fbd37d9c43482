"""One row of `PREDICTION_SCHEMA`: the same in the prediction log and in a bundle's reference window, so that they compare."""

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from serving.contract import PREDICTION_SCHEMA, Card
from serving.predictor import Prediction
from serving.runtime import Floats

Cell = str | float | datetime | list[float] | Floats | None
Row = dict[str, Cell]


def prediction_row(prediction: Prediction, card: Card, *, bundle: str, request_id: str, time: datetime, group: str | None = None) -> Row:
    """Describe one prediction.

    Args:
        prediction: the answer.
        card: of the bundle that gave it; names the classes.
        bundle: digest of that bundle; empty in its own reference window.
        request_id: of the request, or of the reference image.
        time: when, with its time zone.
        group: of a reference image: the patient or slide it shares with others, as a number without meaning.
    """
    return {
        "time": time,
        "request_id": request_id,
        "bundle": bundle,
        "verdict": prediction.verdict.value,
        "predicted_class": card.classes[prediction.predicted_class],
        "confidence": prediction.confidence,
        "distance": prediction.distance,
        "probabilities": prediction.probabilities.tolist(),
        "embedding": prediction.embedding.copy(),  # an array: a list of numbers takes eighty times as long to write
        **{f"property_{name}": value for name, value in prediction.properties.items()},
        "group": group,
    }


def rows_table(rows: Sequence[Row]) -> pa.Table:
    """Return rows as a table of `PREDICTION_SCHEMA`."""
    columns = {field.name: [row[field.name] for row in rows] for field in PREDICTION_SCHEMA}
    return pa.table(columns, schema=PREDICTION_SCHEMA)
