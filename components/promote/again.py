"""The champion on the challenger's test images, where it was evaluated on others: scored again by the predictor that serves.

Test images that the champion was trained or tuned on would flatter it, so they are left out, with every image of their group (patient,
slide, near-duplicate cluster), by content and by the champion's own certified groups. The challenger's own split keeps
look-alikes of its test images out of its training and validation; so of what the champion learnt from, only images that are no
longer in the data can look like a test image unnoticed: they are counted and told.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from components.domain.artifacts import Dataset, held_out_file, read_dataset
from components.domain.certificate import Row
from components.domain.console import progress
from components.domain.errors import LobuleError
from components.domain.metrics import Scored
from components.domain.predictions import Predictions
from components.promote.pairing import Again
from serving.contract import ContractError
from serving.imaging import decode, fit
from serving.predictor import Predictor
from serving.verdict import predicted_class

logger = logging.getLogger(__name__)
BATCH = 64
TEST = "test"


@dataclass(frozen=True)
class Unseen:
    """Rows of the test split that a model cannot have seen, and how many it may have; `unknown` as in `Again`."""

    rows: list[int]
    dropped_images: int
    dropped_groups: int
    unknown: int


def score_again(bundle: Path, dataset: Path, certificate: str, *, seen: tuple[Row, ...] | None) -> Again | str:
    """Score a bundle on the test split of a data set that it was not made for.

    Args:
        bundle: the champion's.
        dataset: the challenger's data set.
        certificate: digest of the certificate that the challenger's report names.
        seen: the champion's certified rows; None where they are not kept.

    Returns:
        The champion's predictions, or why there are none.
    """
    if seen is None:
        return "what the champion was trained on is not kept with its run"
    try:
        data = read_dataset(dataset)
        if data.certificate.digest != certificate:
            return f"{dataset} holds other data than the challenger was trained on"
        data.require_certified((TEST,))
        predictor = Predictor.load(bundle)
    except (LobuleError, ContractError) as error:
        return str(error)
    if predictor.card.classes != data.classes or predictor.card.oracle != data.oracle:
        return "it takes images of another kind, or tells other classes"
    unseen = unseen_rows(data, seen)
    rows, images = _images(data, dataset, unseen.rows, predictor)
    ids, groups = data.column("id"), data.column("group")
    labels = data.targets[rows]
    missing = [name for index, name in enumerate(data.classes) if index not in labels]
    if missing:
        return (
            f"of {len(data.rows(TEST))} test images it was trained or tuned on {unseen.dropped_images} or their groups, and among the "
            f"others there is none of {', '.join(missing)}; evaluate on more new data"
        )
    logger.info("the champion is scored again on %d test images; %d it may have seen are left out", len(rows), unseen.dropped_images)
    probabilities = _score(predictor, images)
    predicted = np.array([predicted_class(row, predictor.card) for row in probabilities], dtype=np.int64)
    order = sorted(range(len(rows)), key=lambda place: (ids[rows[place]], data.classes[labels[place]]))  # as `read_predictions` does
    predictions = Predictions(
        [ids[rows[place]] for place in order],
        [groups[rows[place]] for place in order],
        Scored(labels[order], probabilities[order].astype(np.float64), predicted[order], predictor.card.positive_index),
    )
    return Again(predictions, unseen.dropped_images, unseen.dropped_groups, len(unseen.rows) - len(rows), unseen.unknown)


def unseen_rows(data: Dataset, seen: tuple[Row, ...]) -> Unseen:
    """Return the test rows of whose groups a model has seen nothing.

    Args:
        data: with the test split.
        seen: certified rows of the model's data: (id, label, group, split); train and validation are what it has seen.
    """
    learnt = [(identity, group) for identity, _, group, split in seen if split != TEST]
    learnt_ids, learnt_groups = {identity for identity, _ in learnt}, {group for _, group in learnt}
    group_then = {identity: group for identity, _, group, _ in seen}
    ids, groups, rows = data.column("id"), data.column("group"), [int(row) for row in data.rows(TEST)]
    tainted = {
        groups[row] for row in rows if ids[row] in learnt_ids or group_then.get(ids[row]) in learnt_groups or groups[row] in learnt_groups
    }
    kept = [row for row in rows if groups[row] not in tainted]
    return Unseen(kept, len(rows) - len(kept), len(tainted), len(learnt_ids - set(ids)))


def _images(data: Dataset, directory: Path, rows: list[int], predictor: Predictor) -> tuple[list[int], list[npt.NDArray[np.uint8]]]:
    """Return rows and images as the predictor takes them: stored pixels where the size is its own, else what was kept at full size."""
    if predictor.card.image == data.spec:
        return rows, [np.asarray(data.pixels[row]) for row in rows]
    ids = data.column("id")
    there = [row for row in rows if held_out_file(directory, ids[row]).is_file()]
    return there, [fit(decode(held_out_file(directory, ids[row]).read_bytes()).pixels, predictor.card.image) for row in there]


def _score(predictor: Predictor, images: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
    starts = range(0, len(images), BATCH)
    parts = [
        predictor.scores(np.stack(images[start : start + BATCH])).probabilities
        for start in progress(starts, len(starts), "batches of the test split scored by the champion", every=5.0, tell=logger.info)
    ]
    return np.concatenate(parts)
