"""Robustness: the same test images, corrupted, through the predictor that serves (`components.domain.corruptions`).

The cost is bounded: at most `MOST_IMAGES` images, in equal parts of every class, `SEVERITIES` of each corruption; 4,800 forward passes,
whatever the size of the split. Corruptions happen to the images at the model's size.
"""

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.domain.artifacts import Dataset
from components.domain.bootstrap import bootstrap
from components.domain.console import progress
from components.domain.corruptions import applicable, corrupt
from components.domain.intervals import FEWEST_GROUPS, count_groups, honest_share
from components.domain.metrics import Floats, Ints, auc
from components.domain.report import Interval, Robustness
from components.evaluate.scoring import Answers, ModelScores, answers
from serving.contract import Verdict
from serving.predictor import Predictor

logger = logging.getLogger(__name__)
MOST_IMAGES = 200
SEVERITIES = (1, 3, 5)
DROPS = ("auc_positive", "sensitivity")
"""Metrics whose loss against the clean images is measured as well, each image against itself: `<name>_drop`."""


def measure_robustness(
    predictor: Predictor, model: ModelScores, dataset: Dataset, groups: Sequence[str], *, draws: int, seed: int
) -> Robustness:
    """Score corrupted test images and measure what is left.

    Args:
        predictor: of the chosen bundle.
        model: its scores of the test split, N images.
        dataset: with that test split.
        groups: of each test image, length N.
        draws: resamples of the bootstrap over the groups of the sample.
        seed: of the sample, the noise and the bootstrap.
    """
    places = sample(model.scored.labels, MOST_IMAGES, seed=seed)
    rows = dataset.rows("test")[places]
    images = np.asarray(dataset.pixels[rows])
    kinds = applicable(images)
    clean = Answers(
        model.scored.probabilities[places], model.scored.predicted[places], [model.verdicts[place] for place in places.tolist()]
    )
    cells: dict[tuple[str, int], Answers] = {("", 0): clean}
    asked = [(kind, severity) for kind in kinds for severity in SEVERITIES]
    for kind, severity in progress(asked, len(asked), f"corruptions of {len(places)} test images", every=5.0, tell=logger.info):
        changed = np.stack([corrupt(image, kind, severity, seed=seed + number) for number, image in enumerate(images)])
        cells[kind, severity] = answers(predictor, changed)
    own = [groups[place] for place in places.tolist()]
    found = _intervals(cells, model.scored.labels[places], model.scored.positive, own, draws=draws, seed=seed)
    corrupted = {kind: {severity: found[kind, severity] for severity in SEVERITIES} for kind in kinds}
    return Robustness(len(places), len(set(own)), found["", 0], corrupted)


def sample(labels: Ints, most: int, *, seed: int) -> Ints:
    """Draw at most so many images, in equal parts of every class as far as they reach; the places in rising order."""
    random = np.random.default_rng(seed)
    ranked = [random.permutation(np.flatnonzero(labels == index)) for index in np.unique(labels)]
    turns = [(turn, place) for places in ranked for turn, place in enumerate(places.tolist())]
    return np.array(sorted(place for _, place in sorted(turns)[:most]), dtype=np.int64)


def _intervals(
    cells: dict[tuple[str, int], Answers], labels: Ints, positive: int, groups: list[str], *, draws: int, seed: int
) -> dict[tuple[str, int], dict[str, Interval]]:
    """Bootstrap every cell with the same resamples."""
    truth = labels == positive
    everything = np.ones(len(labels), dtype=np.bool_)
    parts: dict[str, npt.NDArray[np.bool_]] = {
        "sensitivity": truth,
        "specificity": ~truth,
        **dict.fromkeys(("accuracy", "coverage", "out_of_distribution"), everything),
    }

    def measure(weights: Floats) -> dict[str, Floats]:
        weight = {name: weights @ of.astype(float) for name, of in parts.items()}
        found: dict[str, Floats] = {}
        for (kind, severity), cell in cells.items():
            said = np.array([str(verdict) for verdict in cell.verdicts])
            hits = {
                "sensitivity": cell.predicted == positive,
                "specificity": cell.predicted != positive,
                "accuracy": cell.predicted == labels,
                "coverage": said == Verdict.ACCEPT,
                "out_of_distribution": said == Verdict.OUT_OF_DISTRIBUTION,
            }
            values = {name: (weights @ (hit & parts[name]).astype(float)) / weight[name] for name, hit in hits.items()}
            values["auc_positive"] = auc(cell.probabilities[:, positive], truth, weights)
            found |= {_key(kind, severity, name): value for name, value in values.items()}
            if severity:
                found |= {_key(kind, severity, f"{name}_drop"): found[_key("", 0, name)] - values[name] for name in DROPS}
        return found

    drawn = bootstrap(measure, groups, labels=truth.astype(np.int64), draws=draws, seed=seed).intervals
    counts = {name: count_groups(of, groups) for name, of in parts.items()}
    fewest = counts["auc_positive"] = min(counts["sensitivity"], counts["specificity"])
    result: dict[tuple[str, int], dict[str, Interval]] = {place: {} for place in cells}
    for key, interval in drawn.items():
        kind, severity, name = key.split("/")
        if name.endswith("_drop"):
            honest = interval if fewest >= FEWEST_GROUPS else Interval(interval.value, -1.0, 1.0)
        else:
            honest = honest_share(name, interval, counts[name])
        result[kind, int(severity)][name] = honest
    return result


def _key(kind: str, severity: int, name: str) -> str:
    return f"{kind}/{severity}/{name}"
