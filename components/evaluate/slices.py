"""Slices of the test split: what the model does on the images of one magnification, subtype, site, scanner or size.

A model that is good on average can be bad for some. Every name that the source knows of its images (`slices` of the manifest), the
colour mode of the files and the size of the images as decoded become a column; each of its values is measured by itself.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from components.domain.artifacts import Dataset
from components.domain.bootstrap import bootstrap
from components.domain.intervals import FEWEST_GROUPS, count_groups, honest_share
from components.domain.metrics import Floats, Ints, Scored, auc
from components.domain.report import Interval, Part
from components.domain.slicing import BANDS, UNKNOWN, gather, ordered
from serving.contract import Verdict

IMAGE_SIZE, MODE = "image size", "file mode"

Images = npt.NDArray[np.bool_]


def slice_columns(dataset: Dataset, rows: Ints) -> dict[str, list[str]]:
    """Return the value of every column for every one of these rows.

    The manifest's own names are all kept. The size of the images (in bands of the shorter side, where there are many) and the mode of
    their files are left out where they are the same for all.
    """
    table = dataset.table.take(rows)
    known: list[Mapping[str, str]] = [json.loads(text or "{}") for text in table.column("slices").to_pylist()]
    columns = {name: [each.get(name) or UNKNOWN for each in known] for name in sorted({name for each in known for name in each})}
    sides = list(zip(table.column("width").to_pylist(), table.column("height").to_pylist(), strict=True))
    sizes = [f"{width} x {height}" for width, height in sides]
    many = len(set(sizes)) > BANDS
    own = {IMAGE_SIZE: [str(min(pair)) for pair in sides] if many else sizes, MODE: table.column("mode").to_pylist()}
    columns |= {name: values for name, values in own.items() if name not in columns and len(set(values)) > 1}
    return {name: gather(values, always=many and name == IMAGE_SIZE) for name, values in columns.items()}


def measure_slices(
    scored: Scored,
    verdicts: Sequence[Verdict],
    groups: Sequence[str],
    *,
    columns: Mapping[str, list[str]],
    classes: Sequence[str],
    draws: int,
    seed: int,
) -> dict[str, dict[str, Part]]:
    """Measure every value of every column by itself.

    Args:
        scored: N test images.
        verdicts: of the service, length N.
        groups: length N.
        columns: from `slice_columns`.
        classes: names of the classes.
        draws: resamples of the bootstrap over the groups of a slice.
        seed: of the bootstrap.

    Returns:
        By column and value: accuracy and coverage; sensitivity, specificity and auc_positive where the slice has such images. A metric that
        is of fewer than `FEWEST_GROUPS` groups has its whole range as its interval.
    """
    accepted = np.array([verdict is Verdict.ACCEPT for verdict in verdicts], dtype=np.bool_)
    named = np.array(groups, dtype=object)
    result: dict[str, dict[str, Part]] = {}
    for name, values in columns.items():
        result[name] = {}
        for value in ordered(set(values)):
            where = np.flatnonzero(np.array(values, dtype=object) == value)
            own: list[str] = named[where].tolist()
            counts = {label: int((scored.labels[where] == index).sum()) for index, label in enumerate(classes)}
            metrics = _measure(scored, accepted, own, where, draws=draws, seed=seed)
            result[name][value] = Part(len(where), len(set(own)), {label: count for label, count in counts.items() if count}, metrics)
    return result


def _measure(scored: Scored, accepted: Images, own: list[str], where: Ints, *, draws: int, seed: int) -> dict[str, Interval]:
    """Measure the images at some places, whose groups are given."""
    labels, predicted = scored.labels[where], scored.predicted[where]
    truth, scores = labels == scored.positive, scored.probabilities[where, scored.positive]
    everything, answered = np.ones(len(where), dtype=np.bool_), accepted[where]
    shares: dict[str, tuple[Images, Images]] = {"accuracy": (predicted == labels, everything), "coverage": (answered, everything)}
    if truth.any():
        shares["sensitivity"] = (predicted == scored.positive, truth)
    if not truth.all():
        shares["specificity"] = (predicted != scored.positive, ~truth)
    both = truth.any() and not truth.all()

    def measure(weights: Floats) -> dict[str, Floats]:
        found = {name: (weights @ (hit & of).astype(float)) / (weights @ of.astype(float)) for name, (hit, of) in shares.items()}
        return {"auc_positive": auc(scores, truth, weights), **found} if both else found

    counts = {name: count_groups(of, own) for name, (_, of) in shares.items()}
    if both:
        counts["auc_positive"] = min(counts["sensitivity"], counts["specificity"])
    if max(counts.values()) < FEWEST_GROUPS:
        return {name: Interval(float(value[0]), 0.0, 1.0) for name, value in measure(np.ones((1, len(where)))).items()}
    kinds = truth.astype(np.int64) if both else np.zeros(len(where), dtype=np.int64)
    drawn = bootstrap(measure, own, labels=kinds, draws=draws, seed=seed).intervals
    return {name: honest_share(name, each, counts[name]) for name, each in drawn.items()}
