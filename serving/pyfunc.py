"""The registered model: an MLflow pyfunc around the same predictor, logged as code and never as a pickle.

It takes a column `image` of encoded bytes (base64 text over `mlflow models serve`) and gives one column per class with its
probability, then `predicted_class` and `verdict`. MLflow runs this file to load the model, with `serving` on its path.
"""

import base64
import binascii
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from serving.imaging import ImageError, decode
from serving.predictor import Predictor


class LobuleModel(PythonModel):
    """Answers for encoded images."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the bundle that was logged as the artifact `bundle`."""
        self.predictor = Predictor.load(Path(context.artifacts["bundle"]))

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, object] | None = None) -> pd.DataFrame:
        """Answer for a data frame with a column `image`; one row in, one row out, in order.

        Raises:
            ImageError: if an image is refused; the whole call fails.
        """
        return answer(self.predictor, model_input)


def answer(predictor: Predictor, frame: pd.DataFrame) -> pd.DataFrame:
    """Return probabilities, class and verdict for each row of a frame whose column `image` holds encoded bytes."""
    rows: list[dict[str, object]] = []
    for value in frame["image"]:
        prediction = predictor.predict([decode(_encoded(value)).pixels])[0]
        scores = {name: float(score) for name, score in zip(predictor.card.classes, prediction.probabilities, strict=True)}
        chosen = predictor.card.classes[prediction.predicted_class]
        rows.append({**scores, "predicted_class": chosen, "verdict": prediction.verdict.value})
    return pd.DataFrame(rows, columns=[*predictor.card.classes, "predicted_class", "verdict"], index=frame.index)


def _encoded(value: bytes | str) -> bytes:
    if not isinstance(value, str):
        return bytes(value)
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ImageError("not_base64", "text in the column image must be base64", "send the bytes of the file as base64") from None


mlflow.models.set_model(LobuleModel())
