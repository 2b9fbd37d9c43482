"""Which precision a bundle is served in: bf16 where it answers the validation images as f32 does, else f32.

bfloat16 keeps 8 bits of each number, and a CPU that knows it needs about two thirds of the time. What that does to scores depends on the
network, so it is measured for each, on the validation split, through the graph that serves. Both are calibrated by themselves
(temperature, operating point, limits), because that is how each would be served. The rule: bf16 if no probability differs by more
than `BF16_TOLERANCE` and no image gets another class at the operating point. Some images at the edge of a limit are answered by one
and declined by the other; the card counts them.

Evaluation, `mlflow.pyfunc` and service load a bundle in the one way and so in this precision. A CPU without bf16 runs f32 in its
place: the more exact answer, within the difference that the card states.

int8 (NNCF 3.4, calibrated on 300 images) is not offered, because no trained network of those that it would make faster agreed well
enough: DenseNet121 at 96, which bf16 serves within 0.006, moved probabilities by up to 0.20 and gave 6 of 182 images another class (AUC
0.937 for 0.944), with ranges symmetric or not and either correction of biases; MobileNetV2 at 224 on BUSI gave 16 of 324 another most
probable class; EfficientNet 11 %. A network of 32 pixels moved them by 0.002 or 0.012, by preset, but takes 0.2 ms in f32. Without AMX
DenseNet121 at 224 took 16 ms for 28 in bf16, with AMX 11 for 8.5.
"""

import logging
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from components.domain.artifacts import Dataset
from components.learning.scores import Floats, Targets, validation_scores
from components.train.calibrate import choose_limits, choose_operating_point, fit_temperature
from serving.contract import BF16_TOLERANCE, Agreement, Card
from serving.predictor import Prediction, Predictor, Scores, answer, softmax
from serving.reference import NEIGHBOURS, knn_distance
from serving.runtime import Graph

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibrated:
    """A graph in one precision, calibrated on the validation split.

    Attributes:
        card: with temperature, operating point, limits and validation metrics.
        logits: of the validation images before the temperature, up to a constant in each row, [N, K].
        scores: of the validation images as the card makes them; distances to images of other groups.
    """

    card: Card
    logits: Floats
    scores: Scores


def calibrate(graph: Graph, card: Card, dataset: Dataset) -> Calibrated:
    """Calibrate a graph on the validation split of its training set; of the card, what came before calibration is kept."""
    rows = dataset.rows("validation")
    targets, images = dataset.targets[rows], np.asarray(dataset.pixels[rows])
    nothing = np.ones((1, graph.run(images[:1]).embedding.shape[1]), np.float32)  # no reference yet: the distance to it is not used
    raw = Predictor(card.model_copy(update={"temperature": 1.0}), "", graph, nothing).scores(images)
    logits = np.log(np.maximum(raw.probabilities, 1e-12)).astype(np.float32)
    temperature = fit_temperature(logits, targets)
    probabilities = softmax((logits / temperature).astype(np.float32))
    distances = knn_distance(raw.embedding, raw.embedding, NEIGHBOURS, groups=group_names(dataset))
    index = card.positive_index
    point = choose_operating_point(probabilities[:, index], targets == index, card.operating_point.target_sensitivity)
    validation = {key.removeprefix("val_"): value for key, value in validation_scores(logits, targets).items()}
    calibrated = card.model_copy(
        update={
            "temperature": temperature,
            "operating_point": point,
            "limits": choose_limits(probabilities, index, point.threshold, distances),
            "validation": validation | {"images": float(len(rows))},
        }
    )
    return Calibrated(calibrated, logits, Scores(probabilities, raw.embedding, distances, raw.activation))


def group_names(dataset: Dataset) -> list[str]:
    """Name the groups of the validation images by number, in order of appearance: a bundle carries no patient's name."""
    names = dataset.table.column("group").take(pa.array(dataset.rows("validation"))).to_pylist()
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return [f"g{numbers[name]}" for name in names]


def choose_precision(exact: Calibrated, lower: Calibrated | None, targets: Targets) -> Calibrated:
    """Return the one that is served, its card telling the agreement of both.

    Args:
        exact: in f32.
        lower: the same graph in bf16; None if it was not tried.
        targets: class index of each validation image, [N].
    """
    if lower is None:
        return exact
    agreement = measure_agreement(exact, lower, targets)
    agrees = agreement.largest_difference <= BF16_TOLERANCE and agreement.changed == 0
    chosen = lower if agrees else exact
    logger.info(
        "precision %s: bf16 differs from f32 by %.2g at most and %.2g on average, and changes the class of %d of %d validation images",
        *(chosen.card.precision, agreement.largest_difference, agreement.mean_difference, agreement.changed, agreement.images),
    )
    return Calibrated(chosen.card.model_copy(update={"agreement": agreement}), chosen.logits, chosen.scores)


def measure_agreement(exact: Calibrated, lower: Calibrated, targets: Targets) -> Agreement:
    """Compare a lower precision with f32 on the validation images whose class indices are `targets`, [N]."""
    difference = np.abs(exact.scores.probabilities - lower.scores.probabilities)
    judged = list(zip(_judged(exact), _judged(lower), strict=True))
    before, after = (validation_scores(each.logits / np.float32(each.card.temperature), targets) for each in (exact, lower))
    return Agreement(
        images=len(targets),
        largest_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        changed=sum(one.predicted_class != other.predicted_class for one, other in judged),
        changed_verdicts=sum(one.verdict != other.verdict for one, other in judged),
        auc=after["val_auc"],
        auc_f32=before["val_auc"],
        loss=after["val_loss"],
        loss_f32=before["val_loss"],
    )


def _judged(model: Calibrated) -> list[Prediction]:
    return [answer(model.scores, index, {}, model.card) for index in range(len(model.logits))]
