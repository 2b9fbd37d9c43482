"""One image from bytes to answer: the work that threads do for requests, each image by itself and then some together."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from serving.heatmap import explain
from serving.imaging import ImageError, Pixels, decode, fit
from serving.measure import properties
from serving.metrics import Metrics
from serving.pictures import data_uri, overlay, shrink
from serving.prediction_log import PredictionLog
from serving.predictor import Prediction, Predictor, Scores, answer
from serving.responses import Json, prediction_document
from serving.rows import prediction_row
from serving.settings import ServiceSettings
from serving.slot import Served
from serving.workers import Work

SHORT_SIDE = 128
"""Side in pixels of the largest graph that the event loop may run: some milliseconds."""
SHORT_PIXELS = 512 * 512
SHORT_BYTES = 2**18
"""The largest image that the event loop may decode: by hand 0.3 to 3 ms, and at worst (noise in WebP, JPEG of 90 scans) 11."""


@dataclass(frozen=True)
class Wanted:
    """What an answer shall hold beside the scores: the heat map, the thumbnail."""

    explain: bool = False
    image: bool = True


@dataclass(frozen=True, eq=False)
class Asked:
    """An encoded image, the model that answers for it, and what is wanted; `alone` where this process works on nothing else."""

    data: bytes
    served: Served
    wanted: Wanted
    request_id: str
    alone: bool = False


@dataclass(frozen=True)
class Description:
    """What is told of an image beside its scores: its properties as decoded, and the thumbnail as data URI, if it is wanted."""

    properties: Mapping[str, float]
    image: str | None


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is kept of a decoded image: little, however large it was, unless it is finished alone.

    Attributes:
        asked: what for.
        fitted: the image at the model's size.
        described: its description, or the image as decoded where it is described while the graph runs.
        pixels: the image as decoded, if the heat map is wanted.
    """

    asked: Asked
    fitted: Pixels
    described: Description | Pixels
    pixels: Pixels | None


class Answerer:
    """Decodes, predicts, draws, logs and counts.

    A lone request leaves other cores idle, so another thread describes its image while the graph runs: answers come in 4.8 ms in place of
    5.2 in f32, 3.5 in place of 4.3 in bf16 (EfficientNetB0 at 96, medians of eight and six runs in turns). With more under way it costs:
    4 % of the answers with one in each of two workers, which do not know of each other, and as many with eight, where it is not done.
    """

    def __init__(self, settings: ServiceSettings, metrics: Metrics, log: PredictionLog | None) -> None:
        self._settings, self._metrics, self._log = settings, metrics, log
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="describe")

    def work(self) -> Work[Asked, Prepared, Json]:
        """Describe the work to the threads."""
        return Work(self.prepare, _kind, self.finish)

    def close(self) -> None:
        """End the thread that describes."""
        self._beside.shutdown()

    def prepare(self, asked: Asked) -> Prepared:
        """Decode an image, and do what needs its pixels.

        Raises:
            ImageError: if the image is refused.
        """
        try:
            with self._metrics.stage("decode"):
                pixels = self._decode(asked, self._settings.max_pixels)
        except ImageError as error:
            self._metrics.refusals.labels(error.code).inc()
            raise
        return self._prepared(asked, pixels)

    def at_once(self, asked: Asked) -> Json | None:
        """Answer for an image right here, if that is short. Else, or if it should be refused, return None and count nothing."""
        image = asked.served.predictor.card.image
        if asked.wanted.explain or len(asked.data) > SHORT_BYTES or max(image.height, image.width) > SHORT_SIDE:
            return None
        began = time.perf_counter()
        try:
            pixels = self._decode(asked, min(self._settings.max_pixels, SHORT_PIXELS))
        except ImageError:
            return None
        self._metrics.took("decode", time.perf_counter() - began)
        return self.finish([self._prepared(asked, pixels)])[0]

    def _decode(self, asked: Asked, max_pixels: int) -> Pixels:
        return decode(asked.data, max_bytes=self._settings.max_bytes, max_pixels=max_pixels).pixels

    def _prepared(self, asked: Asked, pixels: Pixels) -> Prepared:
        fitted = fit(pixels, asked.served.predictor.card.image)
        described = pixels if asked.alone else self._describe(pixels, asked.wanted)
        return Prepared(asked, fitted, described, pixels if asked.wanted.explain else None)

    def finish(self, prepared: Sequence[Prepared]) -> list[Json]:
        """Answer for images of one model."""
        beside: list[Future[Description]] = []

        def describe() -> None:
            pictures = [(each.described, each.asked.wanted) for each in prepared if not isinstance(each.described, Description)]
            beside.extend(self._beside.submit(self._describe, *picture) for picture in pictures)

        began = time.perf_counter()
        batch = np.stack([each.fitted for each in prepared])
        scores = prepared[0].asked.served.predictor.scores(batch, meanwhile=describe)
        self._metrics.run(len(prepared), time.perf_counter() - began)
        known = [each.described for each in prepared if isinstance(each.described, Description)]
        descriptions = known or [each.result() for each in beside]  # what is yet to be described is finished alone
        return [self._answer(*pair, scores, index) for index, pair in enumerate(zip(prepared, descriptions, strict=True))]

    def _describe(self, pixels: Pixels, wanted: Wanted) -> Description:
        image = None
        if wanted.image:
            with self._metrics.stage("draw"):
                image = data_uri(shrink(pixels))
        return Description(properties(pixels), image)

    def _answer(self, prepared: Prepared, description: Description, scores: Scores, index: int) -> Json:
        asked, served = prepared.asked, prepared.asked.served
        card = served.predictor.card
        prediction = answer(scores, index, description.properties, card)
        heatmap = None if prepared.pixels is None else self._draw(prepared.pixels, prediction, served)
        self._metrics.prediction(prediction, served)
        if self._log:
            row = prediction_row(prediction, card, bundle=served.predictor.digest, request_id=asked.request_id, time=datetime.now(UTC))
            self._log.add(row)
        return prediction_document(prediction, served, image=description.image, heatmap=heatmap)

    def _draw(self, pixels: Pixels, prediction: Prediction, served: Served) -> str:
        with self._metrics.stage("draw"):
            return data_uri(overlay(shrink(pixels), explain(served.predictor, pixels, prediction.predicted_class)))


def _kind(prepared: Prepared) -> Predictor | None:
    """Tell what is answered together: images of one model, of which no whole picture is kept any more.

    A heat map takes many runs of the graph, so nobody waits for another's.
    """
    small = prepared.pixels is None and isinstance(prepared.described, Description)
    return prepared.asked.served.predictor if small else None
