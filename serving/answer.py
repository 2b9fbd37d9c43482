"""One image from bytes to answer: the work that a thread does for a request."""

from dataclasses import dataclass
from datetime import UTC, datetime

from serving.heatmap import explain
from serving.http_errors import error_body
from serving.imaging import ImageError, decode
from serving.metrics import Metrics
from serving.pictures import data_uri, overlay, shrink
from serving.prediction_log import PredictionLog
from serving.responses import Json, prediction_document
from serving.rows import prediction_row
from serving.settings import ServiceSettings
from serving.slot import Served


@dataclass(frozen=True)
class Wanted:
    """What an answer shall hold beside the scores: the heat map, the thumbnail."""

    explain: bool = False
    image: bool = True


class Answerer:
    """Decodes, predicts, draws, logs and counts."""

    def __init__(self, settings: ServiceSettings, metrics: Metrics, log: PredictionLog | None) -> None:
        self._settings, self._metrics, self._log = settings, metrics, log

    def answer(self, data: bytes, served: Served, wanted: Wanted, request_id: str) -> Json:
        """Answer for one encoded image.

        Raises:
            ImageError: if the image is refused.
        """
        try:
            with self._metrics.stage("decode"):
                pixels = decode(data, max_bytes=self._settings.max_bytes, max_pixels=self._settings.max_pixels).pixels
        except ImageError as error:
            self._metrics.refusals.labels(error.code).inc()
            raise
        with self._metrics.stage("predict"):
            prediction = served.predictor.predict([pixels])[0]
        image = heatmap = None
        if wanted.image or wanted.explain:
            with self._metrics.stage("draw"):
                small = shrink(pixels)
                image = data_uri(small) if wanted.image else None
                if wanted.explain:
                    heatmap = data_uri(overlay(small, explain(served.predictor, pixels, prediction.predicted_class)))
        card = served.predictor.card
        self._metrics.prediction(prediction, served)
        if self._log:
            row = prediction_row(prediction, card, bundle=served.predictor.digest, request_id=request_id, time=datetime.now(UTC))
            self._log.add(row)
        return prediction_document(prediction, served, image=image, heatmap=heatmap)

    def answer_or_error(self, data: bytes, served: Served, wanted: Wanted, request_id: str) -> Json:
        """Answer for one image of a batch, or say what is wrong with it, so that it fails alone."""
        try:
            return self.answer(data, served, wanted, request_id)
        except ImageError as error:
            return {**error_body(error.code, error.message, error.remedy)}
