"""Real performance of a window, once labels have come: metrics with intervals over groups, against the test report and the floors.

Only labelled images count, and who is labelled is rarely drawn at random (a benign call is seldom followed by a biopsy), so the
share of labelled images is told for each predicted class. A difference from the test figures combines two independent
intervals by their distances from the estimates (Newcombe's hybrid method; Zou and Donner, Stat. Med. 27 (2008) 1693).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from components.domain.bootstrap import bootstrap
from components.domain.errors import InputError
from components.domain.intervals import FEWEST_GROUPS, count_groups, fewest_groups, honest_share, widen
from components.domain.metrics import HIGHER_IS_BETTER, Floats, Ints, Scored, measure
from components.domain.report import Interval
from components.monitor.answers import Answers
from components.monitor.labels import Labels, named
from components.monitor.outcome import Performance, Shortfall

METRICS = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "auc", "ece")


@dataclass(frozen=True)
class Floors:
    """What a serving model must keep to: the promotion policy's own figures (`components.promote.policy`).

    Attributes:
        min_auc_low, min_sensitivity, min_specificity, max_ece: limits of the metrics themselves.
        auc_margin, sensitivity_margin: how far below the test report a metric may fall.
    """

    min_auc_low: float
    min_sensitivity: float
    min_specificity: float
    max_ece: float
    auc_margin: float
    sensitivity_margin: float

    @classmethod
    def from_policy(cls, text: str) -> "Floors":
        """Take them out of a promotion policy.

        Args:
            text: the policy as JSON (`components.promote.policy.Policy.to_json`).

        Raises:
            InputError: if it is none.
        """
        try:
            values = json.loads(text)
            return cls(**{field.name: float(values[field.name]) for field in fields(cls)})
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"floors come from the JSON of a promotion policy, but this is none ({error}); compile the pipeline again"
            ) from None


def measure_window(
    answers: Answers,
    labels: Labels,
    *,
    classes: Sequence[str],
    positive: int,
    test: Mapping[str, Interval],
    floors: Floors,
    draws: int = 1000,
    seed: int = 0,
) -> Performance:
    """Hold the answers of a window against the labels that have come.

    Args:
        answers: of the window.
        labels: of any images; those of this window count.
        classes: names, in score order.
        positive: index of the class whose sensitivity counts.
        test: metrics of the same model's test report by name; empty where there is none.
        floors: of the promotion policy.
        draws: resamples of the bootstrap over groups.
        seed: of it.
    """
    shared = answers.shared
    rows = [row for row, request in enumerate(answers.requests) if request in labels.truths and request not in shared]
    there = set(answers.requests)
    unknown = tuple(request for request in labels.truths if request not in there)
    ambiguous = tuple(sorted(request for request in labels.truths if request in shared))
    left_out = labels.sentences()
    left_out += [named(f"{len(unknown):,} labels are of no image of this model in this window", unknown)] if unknown else []
    left_out += [named(f"{len(ambiguous):,} request ids brought several images and cannot be told apart", ambiguous)] if ambiguous else []
    truth = np.array([classes.index(labels.truths[answers.requests[row]]) for row in rows], dtype=np.int64)
    groups = [labels.groups.get(answers.requests[row]) or f"request {answers.requests[row]}" for row in rows]
    predicted, probabilities = answers.predicted[rows], answers.probabilities[rows]
    metrics = _measure(truth, probabilities, predicted, groups, positive=positive, draws=draws, seed=seed) if rows else {}
    differences = {name: _difference(each, test[name]) for name, each in metrics.items() if name in test}
    return Performance(
        images=len(rows),
        groups=len(set(groups)),
        of=len(answers),
        classes={name: int((truth == index).sum()) for index, name in enumerate(classes)},
        labelled_share={
            name: float((predicted == index).sum() / count)
            for index, name in enumerate(classes)
            if (count := int((answers.predicted == index).sum()))
        },
        metrics=metrics,
        test={name: test[name] for name in differences},
        differences=differences,
        shortfalls=tuple(_shortfalls(metrics, differences, floors)),
        left_out=tuple(left_out),
    )


def _measure(
    truth: Ints, probabilities: Floats, predicted: Ints, groups: Sequence[str], *, positive: int, draws: int, seed: int
) -> dict[str, Interval]:
    if set(truth.tolist()) != set(range(probabilities.shape[1])):
        return _shares(truth, predicted, groups, positive=positive, draws=draws, seed=seed)
    scored = Scored(truth, probabilities, predicted, positive)

    def chosen(weights: Floats) -> dict[str, Floats]:
        values = measure(scored, weights)
        return {name: values[name] for name in METRICS}

    if fewest_groups(truth.tolist(), groups) < FEWEST_GROUPS:  # every resample would lack a class
        values = chosen(np.ones((1, len(truth))))
        return widen({name: Interval(float(value[0]), 0.0, 1.0) for name, value in values.items()}, scored, groups)
    return widen(bootstrap(chosen, groups, labels=truth, draws=draws, seed=seed).intervals, scored, groups)


def _shares(truth: Ints, predicted: Ints, groups: Sequence[str], *, positive: int, draws: int, seed: int) -> dict[str, Interval]:
    """Measure what can be where a class has no label yet."""
    malignant = truth == positive
    parts = {
        "accuracy": (predicted == truth, np.ones(len(truth), dtype=np.bool_)),
        "sensitivity": (predicted == positive, malignant),
        "specificity": (predicted != positive, ~malignant),
    }
    result = {}
    for name, (hit, of) in parts.items():
        if not of.any():
            continue
        rows = np.flatnonzero(of)
        own, hits = [groups[row] for row in rows.tolist()], hit[rows].astype(np.float64)

        def share(weights: Floats, hits: Floats = hits) -> dict[str, Floats]:
            return {"share": (weights @ hits) / weights.sum(axis=1)}

        found = bootstrap(share, own, labels=np.zeros(len(rows), dtype=np.int64), draws=draws, seed=seed).intervals["share"]
        result[name] = honest_share(name, found, count_groups(of, groups))
    return result


def _difference(now: Interval, then: Interval) -> Interval:
    """Return now - then of two independent estimates."""
    value = now.value - then.value
    low = value - math.hypot(now.value - now.low, then.high - then.value)
    high = value + math.hypot(now.high - now.value, then.value - then.low)
    return Interval(value, max(-1.0, low), min(1.0, high))


def _shortfalls(metrics: Mapping[str, Interval], differences: Mapping[str, Interval], floors: Floors) -> list[Shortfall]:
    """Name the metrics that miss what is asked: certainly, with their whole interval, or as it seems, with their value."""
    limits = {
        "auc": floors.min_auc_low,
        "sensitivity": floors.min_sensitivity,
        "specificity": floors.min_specificity,
        "ece": floors.max_ece,
    }
    margins = {"auc": floors.auc_margin, "sensitivity": floors.sensitivity_margin}
    found = []
    for name, limit in limits.items():
        if name not in metrics:
            continue
        each, up = metrics[name], HIGHER_IS_BETTER[name]
        if (each.value < limit) if up else (each.value > limit):
            certain = each.high < limit if up else each.low > limit
            asked = f"the policy asks for {'at least' if up else 'at most'} {limit:.3f}"
            found.append(Shortfall(name, certain, f"{name} is {each.value:.3f} [{each.low:.3f}, {each.high:.3f}] and {asked}"))
    for name, margin in margins.items():
        if name in differences and differences[name].value < -margin:
            each = differences[name]
            said = f"{name} differs from the test report's by {each.value:+.3f} [{each.low:+.3f}, {each.high:+.3f}], margin -{margin:.3f}"
            found.append(Shortfall(name, each.high < -margin, said))
    return found
