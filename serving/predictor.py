"""The predictor: a loaded bundle that answers for images. The same in the service, `mlflow.pyfunc`, evaluation and training.

It does everything between decoded pixels and an answer, so that no caller scales, resizes or thresholds by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serving.contract import BF16_TOLERANCE, CANARY_FILE, Card, ContractError, Verdict, tree_digest
from serving.imaging import ImageError, Pixels, decode, fit
from serving.measure import properties
from serving.openvino_graph import OpenVinoGraph
from serving.reference import NEIGHBOURS, knn_distance, normalise, read_reference
from serving.runtime import Batch, Floats, Graph, Meanwhile, nothing
from serving.verdict import judge, predicted_class

CANARY_TOLERANCE = 1e-3
"""Largest difference between the canary image's scores and those on the card, between CPUs, in f32; in bf16 it is `BF16_TOLERANCE`."""


@dataclass(frozen=True)
class Scores:
    """Scores of a batch, all float32.

    Attributes:
        probabilities: [N, K], after the temperature; rows sum to 1.
        embedding: [N, D].
        distance: [N], to the reference images (`serving.reference.knn_distance`).
        activation: class activation, [N, h, w, K].
    """

    probabilities: Floats
    embedding: Floats
    distance: Floats
    activation: Floats


@dataclass(frozen=True)
class Prediction:
    """The answer for one image.

    Attributes:
        probabilities: [K], one per class in the card's order, in [0, 1].
        predicted_class: its index; `serving.verdict.predicted_class` has the rule.
        confidence: probability of the predicted class, in [0, 1].
        verdict: what the caller may do with the answer.
        reasons: why, in words; empty for `accept`.
        embedding: [D].
        distance: to the reference images.
        properties: of the image as decoded, one float per name in `serving.contract.PROPERTIES`.
    """

    probabilities: Floats
    predicted_class: int
    confidence: float
    verdict: Verdict
    reasons: tuple[str, ...]
    embedding: Floats
    distance: float
    properties: Mapping[str, float]


class Predictor:
    """A bundle, checked and ready. Safe to call from several threads.

    Attributes:
        card: of the bundle.
        digest: identity of the bundle, `sha256:<hex>`.
    """

    def __init__(self, card: Card, digest: str, graph: Graph, reference: Floats) -> None:
        self.card, self.digest = card, digest
        self._graph, self._reference = graph, normalise(reference)

    @property
    def sizes(self) -> Sequence[int]:
        """Numbers of images that cost less when they are scored together, largest first; the last is 1."""
        return self._graph.sizes

    @classmethod
    def load(cls, bundle: Path, *, threads: int = 0) -> "Predictor":
        """Load a bundle, warm it up and check that its canary image gives the scores on the card.

        Args:
            bundle: the bundle directory (`serving.contract`).
            threads: inferences that run side by side, each on one CPU thread; 0 gives all CPUs to one after the other.

        Raises:
            ContractError: if a part is missing or damaged, or the canary's scores differ by more than they may.
        """
        card = Card.read(bundle)
        predictor = cls(card, tree_digest(bundle), OpenVinoGraph.load(bundle, card, threads=threads), read_reference(bundle))
        predictor.check_canary(bundle)
        return predictor

    def check_canary(self, bundle: Path) -> None:
        """Check that the canary image of the bundle gives the scores on the card.

        Raises:
            ContractError: if it does not.
        """
        try:
            pixels = decode((bundle / CANARY_FILE).read_bytes()).pixels
        except (OSError, ImageError) as error:
            raise ContractError(f"a bundle must hold {CANARY_FILE}, but {bundle} does not ({error}); package the model again") from None
        scores = self.scores(fit(pixels, self.card.image)[None]).probabilities[0]
        difference = float(np.abs(scores - np.asarray(self.card.canary_scores)).max())
        allowed = CANARY_TOLERANCE if self.card.precision == "f32" else BF16_TOLERANCE
        if not difference <= allowed:  # also refuses NaN
            raise ContractError(
                f"the canary's scores must be within {allowed} of the card's, but differ by {difference:.4g} in {bundle}; "
                "package the model again on this kind of machine, or train it with --set precision=f32"
            )

    def scores(self, batch: Batch, *, meanwhile: Meanwhile = nothing) -> Scores:
        """Score images that already have the size of the card's image spec: uint8 [N, H, W, 3].

        Args:
            batch: the images.
            meanwhile: is called once, when the graph is about to run.

        Raises:
            ContractError: if the batch has another type or shape, or is empty.
        """
        spec = self.card.image
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != (spec.height, spec.width, 3) or not len(batch):
            raise ContractError(
                f"a batch must be uint8 [N, {spec.height}, {spec.width}, 3], but got {batch.dtype} {list(batch.shape)}; "
                "use `serving.imaging.fit`"
            )
        output = self._graph.run(batch, meanwhile=meanwhile)
        if output.logits.shape != (len(batch), len(self.card.classes)):
            raise ContractError(
                f"the graph must give {len(self.card.classes)} logits per image, but gave {list(output.logits.shape)}; export it again"
            )
        probabilities = softmax(output.logits / np.float32(self.card.temperature))
        return Scores(
            probabilities, output.embedding, knn_distance(output.embedding, self._reference, NEIGHBOURS, unit=True), output.activation
        )

    def predict(self, pixels: Sequence[Pixels]) -> list[Prediction]:
        """Answer for decoded images of any size, each uint8 RGB [height, width, 3]."""
        if not pixels:
            return []
        scores = self.scores(np.stack([fit(image, self.card.image) for image in pixels]))
        return [answer(scores, index, properties(image), self.card) for index, image in enumerate(pixels)]


def answer(scores: Scores, index: int, measured: Mapping[str, float], card: Card) -> Prediction:
    """Turn one image's scores into the answer that a user gets; training writes the reference window with it.

    Args:
        scores: of a batch.
        index: of the image in it.
        measured: its properties as decoded (`serving.measure.properties`).
        card: of the bundle; holds the operating point and the limits.
    """
    probabilities, distance = scores.probabilities[index], float(scores.distance[index])
    chosen = predicted_class(probabilities, card)
    verdict, reasons = judge(probabilities, distance, card)
    return Prediction(
        probabilities=probabilities,
        predicted_class=chosen,
        confidence=float(probabilities[chosen]),
        verdict=verdict,
        reasons=reasons,
        embedding=scores.embedding[index],
        distance=distance,
        properties=measured,
    )


def softmax(logits: Floats) -> Floats:
    """Return probabilities of logits [N, K], float32, each row summing to 1."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Floats = (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
    return result
