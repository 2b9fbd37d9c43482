"""From a trained network to a finished bundle: exported, checked against Keras, calibrated on validation, described by its card.

Everything that serving will compute is computed here by serving's own code on the exported graph, so that what is chosen on
validation holds for what is served. The canary image is synthetic: a bundle carries no patient's picture.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from components.domain.artifacts import Dataset
from components.domain.errors import LobuleError
from components.domain.recipe import Recipe
from components.learning.export import export_graph
from components.learning.fit import predict_logits
from components.learning.network import Network
from components.train.precision import Calibrated, calibrate, choose_precision, group_names
from serving.contract import CANARY_FILE, PROPERTIES, REFERENCE_FILE, Card, ImageSpec, IntendedUse, Limits, OperatingPoint
from serving.openvino_graph import OpenVinoGraph, knows_bf16
from serving.predictor import Predictor, Scores, answer, softmax
from serving.rows import prediction_row, rows_table

EXPORT_TOLERANCE = 1e-3
"""Largest difference of a probability between Keras and the exported graph."""

logger = logging.getLogger(__name__)


class ExportError(LobuleError):
    """The exported graph does not answer as the network does: a defect, never accepted."""

    exit_code = 1


def write_bundle(
    network: Network,
    dataset: Dataset,
    bundle: Path,
    *,
    recipe: Recipe,
    seed: int,
    code: str,
    commit: str,
    measured: Mapping[str, float] = MappingProxyType({}),
) -> Card:
    """Write a model bundle for a trained network and return its card.

    Args:
        network: as trained.
        dataset: the training set; its validation split calibrates and becomes the reference window.
        bundle: directory to write.
        recipe: that trained it.
        seed: of this model.
        code: digest of the code.
        commit: git commit.
        measured: what else was measured on validation, for the card.

    Raises:
        ExportError: if the exported graph differs from the network by more than `EXPORT_TOLERANCE`.
    """
    bundle.mkdir(parents=True, exist_ok=True)
    export_graph(network, bundle)
    draft = _draft(dataset, recipe, positive_class(recipe, dataset.classes), seed=seed, code=code, commit=commit)
    graph = OpenVinoGraph.load(bundle, draft)
    exact = calibrate(graph, draft, dataset)
    difference = _export_difference(network, exact, dataset)
    lower = None
    if recipe.precision == "auto" and knows_bf16():
        card = draft.model_copy(update={"precision": "bf16"})
        lower = calibrate(OpenVinoGraph.load(bundle, card), card, dataset)
    chosen = choose_precision(exact, lower, dataset.targets[dataset.rows("validation")])
    if chosen.card.precision != draft.precision:
        graph = OpenVinoGraph.load(bundle, chosen.card)
    card = chosen.card.model_copy(update={"validation": chosen.card.validation | {"export_difference": difference, **measured}})
    _write_reference(bundle, dataset, chosen.scores, card)
    canary = canary_image(card.image)
    Image.fromarray(canary).save(bundle / CANARY_FILE)
    canary_scores = Predictor(card, "", graph, chosen.scores.embedding).scores(canary[None]).probabilities[0]
    card = card.model_copy(update={"canary_scores": tuple(float(score) for score in canary_scores)})
    card.write(bundle)
    Predictor.load(bundle)
    return card


def positive_class(recipe: Recipe, classes: tuple[str, ...]) -> str:
    """Return the class whose sensitivity counts: the first of the recipe's names that the data has."""
    return next(name for name in recipe.positive if name in classes)


def canary_image(spec: ImageSpec) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Draw the canary: smooth colour waves with seeded noise, uint8 [H, W, 3]. It shows nothing; its scores only must not change."""
    y, x = np.mgrid[0 : spec.height, 0 : spec.width].astype(np.float64)
    waves = np.stack([128 + 90 * np.sin(x / (9 + 4 * channel) + y / (14 - 3 * channel)) for channel in range(3)], axis=-1)
    noise = np.random.default_rng(0).normal(0, 12, waves.shape)
    return np.clip(waves + noise, 0, 255).astype(np.uint8)


def _draft(dataset: Dataset, recipe: Recipe, positive: str, *, seed: int, code: str, commit: str) -> Card:
    return Card(
        name=recipe.model_name,
        recipe=recipe.name,
        classes=dataset.classes,
        positive=positive,
        image=dataset.spec,
        temperature=1.0,
        operating_point=OperatingPoint(threshold=0.5, target_sensitivity=recipe.target_sensitivity, sensitivity=0, specificity=0),
        limits=Limits(margin=0, min_confidence=0, out_of_distribution=0, false_alarm_rate=0),
        canary_scores=(0.0,) * len(dataset.classes),
        seed=seed,
        dataset=dataset.certificate.dataset,
        certificate=dataset.certificate.digest,
        recipe_digest=recipe.digest,
        code=code,
        commit=commit,
        leaking=dataset.certificate.leaking,
        oracle=dataset.oracle,
        intended_use=IntendedUse(
            purpose=f"Research on models of {recipe.task} images of the breast, by people who know that an answer may be wrong"
        ),
        validation={},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _export_difference(network: Network, exact: Calibrated, dataset: Dataset) -> float:
    """Return the largest difference of a probability between Keras and the f32 graph, before the temperature.

    Raises:
        ExportError: if it is larger than `EXPORT_TOLERANCE`.
    """
    keras_logits = predict_logits(network.classifier(), dataset.pixels, dataset.rows("validation"))
    difference = float(np.abs(softmax(exact.logits) - softmax(keras_logits)).max())
    if not difference <= EXPORT_TOLERANCE:
        raise ExportError(
            f"the exported graph must agree with Keras within {EXPORT_TOLERANCE}, but differs by {difference:.2g}; report this"
        )
    return difference


def _write_reference(bundle: Path, dataset: Dataset, scores: Scores, card: Card) -> None:
    table = dataset.table.take(pa.array(dataset.rows("validation")))
    measured = table.select([f"property_{name}" for name in PROPERTIES]).rename_columns(list(PROPERTIES)).to_pylist()
    groups, rows = group_names(dataset), []
    time = datetime.fromisoformat(card.created)
    for index, properties in enumerate(measured):
        prediction = answer(scores, index, properties, card)
        rows.append(prediction_row(prediction, card, bundle="", request_id=f"reference-{index}", time=time, group=groups[index]))
    pq.write_table(rows_table(rows), bundle / REFERENCE_FILE)
