"""Scores of a data set's split by every candidate bundle, through the same predictor that answers in production."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.domain.artifacts import Dataset
from components.domain.candidates import Candidates
from components.domain.console import progress
from components.domain.errors import InputError, RefusedError
from components.domain.metrics import Floats, Ints, Scored
from components.domain.predictions import SCHEMA
from serving.contract import REFERENCE_FILE, Card, ContractError, Verdict, read_predictions
from serving.predictor import Predictor
from serving.verdict import judge, predicted_class

logger = logging.getLogger(__name__)
BATCH = 64


@dataclass(frozen=True)
class Answers:
    """What the service would say of N images: probabilities [N, K], predicted class int64 [N], verdicts."""

    probabilities: Floats
    predicted: Ints
    verdicts: list[Verdict]


@dataclass(frozen=True)
class ModelScores:
    """What one seed's model says of the split.

    Attributes:
        name: directory name of its bundle.
        digest: identity of its bundle.
        card: of its bundle.
        chosen: training chose it on the validation split.
        scored: labels and scores, in the order of the split's rows.
        verdicts: of the predictor, one per image.
        validation_coverage: share of the validation images that it answers.
    """

    name: str
    digest: str
    card: Card
    chosen: bool
    scored: Scored
    verdicts: list[Verdict]
    validation_coverage: float


def score_candidates(candidates: Path, dataset: Dataset, split: str = "test") -> list[ModelScores]:
    """Score a split with every seed's bundle, the chosen one first.

    Raises:
        InputError: if a bundle is damaged, or made for other classes or another image size.
        RefusedError: if a bundle was trained on other data: it may have seen these images.
    """
    listed = Candidates.read(candidates)
    if listed.chosen not in listed.validation_auc:
        raise InputError(f"the chosen bundle must be one of {sorted(listed.validation_auc)}, but is {listed.chosen!r}; train again")
    names = sorted(listed.validation_auc, key=lambda name: name != listed.chosen)
    return [_score(candidates / name, dataset, split, chosen=name == listed.chosen) for name in names]


def predictions_table(models: list[ModelScores], dataset: Dataset, split: str = "test") -> pa.Table:
    """Return the predictions of all models, columns `components.domain.predictions.SCHEMA`."""
    rows = dataset.rows(split)
    ids, groups, labels = (np.array(dataset.column(name), dtype=object)[rows].tolist() for name in ("id", "group", "label"))
    parts = [
        pa.table(
            {
                "id": ids,
                "group": groups,
                "label": labels,
                "split": [split] * len(rows),
                "seed": [model.card.seed] * len(rows),
                "chosen": [model.chosen] * len(rows),
                "predicted_class": [dataset.classes[index] for index in model.scored.predicted],
                "verdict": [str(verdict) for verdict in model.verdicts],
                "probabilities": model.scored.probabilities.astype(np.float32).tolist(),
            },
            schema=SCHEMA,
        )
        for model in models
    ]
    return pa.concat_tables(parts)


def load_predictor(bundle: Path) -> Predictor:
    """Load a bundle.

    Raises:
        InputError: if it is damaged.
    """
    try:
        return Predictor.load(bundle)
    except ContractError as error:
        raise InputError(str(error)) from None


def answers(predictor: Predictor, pixels: npt.NDArray[np.uint8]) -> Answers:
    """Answer for images at the model's size, uint8 [N, H, W, 3], N above 0."""
    card = predictor.card
    scores = predictor.scores(pixels)
    return Answers(
        probabilities=scores.probabilities.astype(np.float64),
        predicted=np.array([predicted_class(row, card) for row in scores.probabilities], dtype=np.int64),
        verdicts=[judge(row, float(far), card)[0] for row, far in zip(scores.probabilities, scores.distance, strict=True)],
    )


def _score(bundle: Path, dataset: Dataset, split: str, *, chosen: bool) -> ModelScores:
    predictor = load_predictor(bundle)
    card = predictor.card
    _require_match(bundle.name, card, dataset)
    rows = dataset.rows(split)
    starts = range(0, len(rows), BATCH)
    parts = [
        answers(predictor, np.asarray(dataset.pixels[rows[start : start + BATCH]]))
        for start in progress(starts, len(starts), f"batches of the {split} split scored by {bundle.name}", every=5.0, tell=logger.info)
    ]
    scored = Scored(
        labels=dataset.targets[rows],
        probabilities=np.concatenate([part.probabilities for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts]),
        positive=card.positive_index,
    )
    verdicts = [verdict for part in parts for verdict in part.verdicts]
    reference = read_predictions(bundle / REFERENCE_FILE, ("verdict",)).column("verdict").to_pylist()
    answered = reference.count(str(Verdict.ACCEPT)) / len(reference)
    return ModelScores(bundle.name, predictor.digest, card, chosen, scored, verdicts, answered)


def _require_match(name: str, card: Card, dataset: Dataset) -> None:
    if card.classes != dataset.classes:
        raise InputError(
            f"model and data must have the same classes, but {name} has {list(card.classes)} and the data {list(dataset.classes)}; "
            "evaluate it on data of its own task"
        )
    if card.image != dataset.spec:
        raise InputError(
            f"the data must have the model's image size, but {name} takes {card.image} and the data has {dataset.spec}; "
            "ingest the data with the recipe of the model"
        )
    if card.oracle != dataset.oracle:
        told = ["whole images", "images cut down to their lesion masks"]
        raise InputError(
            f"a model must be tested on images like those it learnt from, but {name} learnt from {told[card.oracle]} and the data holds "
            f"{told[dataset.oracle]}; ingest the data with the recipe of the model"
        )
    if card.dataset != dataset.certificate.dataset:
        raise RefusedError(
            f"a test split must be of the data that the model was trained on, but {name} was trained on {card.dataset[:19]} and this is "
            f"{dataset.certificate.dataset[:19]}, whose test images it may have seen; train on this data, or evaluate on the other"
        )
