"""Two models on the same images, metric by metric: the difference, its interval, a test where one decides, how many cases would tell.

How many: the standard error of a mean over groups falls with the square root of their number, so a difference d whose error is e
on n groups is told apart from 0 (two-sided at level a, four times in five) by n ((z(1 - a/2) + z(0.8)) e / |d|)^2 groups. That
takes the measured difference for the true one and further cases for ones like these; it is an order of magnitude, not a promise. The error
is the larger of the bootstrap's and that which the deciding test reckons with, and a is divided by the number of questions asked.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

from components.compare.agreement import Discordance, mcnemar
from components.compare.areas import mean_areas
from components.domain.intervals import FEWEST_GROUPS, fewest_groups
from components.domain.metrics import Floats, measure
from components.domain.paired import resample_differences
from components.domain.predictions import Predictions
from components.domain.report import Interval

LEVEL = 0.05
POWER = 0.8
DELONG, MCNEMAR, BOOTSTRAP = "DeLong", "McNemar", "bootstrap"
SHARES = ("accuracy", "sensitivity", "specificity")


@dataclass(frozen=True)
class Difference:
    """Second - first of one metric, on the same images.

    Attributes:
        first, second: the metric of each model.
        interval: of the difference, 95 %, from resamples of groups drawn for both at once.
        error: standard error of the difference: the larger of that over the resamples and the test's own.
        test: which test `p` is of.
        p: two-sided p-value of no difference; None where there are too few groups for one.
        adjusted: the same after Holm's correction over all that was asked; None where this metric does not decide.
        needed: groups in all that would tell, if the measured difference is the true one; None where it is 0.
    """

    first: float
    second: float
    interval: Interval
    error: float
    test: str
    p: float | None
    adjusted: float | None = None
    needed: int | None = None

    @property
    def told(self) -> bool:
        """True if the difference is significant after the correction."""
        return self.adjusted is not None and self.adjusted < LEVEL


@dataclass(frozen=True)
class Paired:
    """Every metric's difference by name; and for shares, how often only one of the two is right."""

    differences: dict[str, Difference]
    discordant: dict[str, Discordance]


def compare_pair(first: Predictions, second: Predictions, *, draws: int, seed: int) -> Paired:
    """Compare two models on the same images in the same order.

    Args:
        first: what the first says.
        second: what the second says.
        draws: resamples of the groups.
        seed: of the resamples.
    """
    groups, labels = first.groups, first.scored.labels
    found = resample_differences(first, second, draws=draws, seed=seed)
    intervals = found.intervals
    whole = np.ones((1, len(labels)))
    ours, theirs = measure(first.scored, whole), measure(second.scored, whole)
    few = fewest_groups(labels.tolist(), groups) < FEWEST_GROUPS
    discordant = _discordant(first, second)
    tests = {} if few else _tests(first, second, discordant)
    differences = {}
    for name, drawn in found.drawn.items():
        value = found.values[name]
        test, p, error = tests.get(name, (BOOTSTRAP, math.nan, 0.0))
        differences[name] = Difference(
            first=float(ours[name][0]),
            second=float(theirs[name][0]),
            interval=intervals[name],
            error=max(error, float(drawn.std())),
            test=BOOTSTRAP if math.isnan(p) else test,
            p=None if few else bootstrap_p(drawn, value) if math.isnan(p) else p,
        )
    return Paired(differences, discordant)


def bootstrap_p(drawn: Floats, value: float) -> float:
    """Return the two-sided p-value of a difference from its resamples: twice the share on the other side of 0, never 0 itself."""
    if value == 0:
        return 1.0
    other = int((drawn <= 0).sum() if value > 0 else (drawn >= 0).sum())
    return min(1.0, 2 * (other + 1) / (len(drawn) + 1))


def groups_needed(difference: float, error: float, groups: int, *, level: float = LEVEL) -> int | None:
    """Return how many groups in all would tell the difference from 0 with a power of 80 %; None if there is none.

    >>> groups_needed(0.1, 0.1, 50)  # (1.960 + 0.842)^2 = 7.85 times as many
    393
    """
    if abs(difference) < 1e-12 or error <= 0:
        return None
    factor = float(norm.isf(level / 2) + norm.ppf(POWER)) * error / abs(difference)
    return math.ceil(groups * factor**2)


def with_need(paired: Paired, decide: Iterable[str], *, groups: int, questions: int) -> Paired:
    """Return the differences with `needed` where a deciding metric is not told, at the level that the first of many questions must meet."""
    changed = {
        name: replace(each, needed=groups_needed(each.interval.value, each.error, groups, level=LEVEL / questions))
        for name, each in paired.differences.items()
        if name in set(decide) and not each.told
    }
    return replace(paired, differences=paired.differences | changed)


def _discordant(first: Predictions, second: Predictions) -> dict[str, Discordance]:
    labels, positive = first.scored.labels, first.scored.positive
    groups = np.asarray(first.groups, dtype=object)
    truth = labels == positive
    right = [(each.scored.predicted == labels, (each.scored.predicted == positive) == truth) for each in (first, second)]
    parts = {
        "accuracy": (np.ones(len(labels), dtype=np.bool_), 0),
        "sensitivity": (truth, 1),
        "specificity": (~truth, 1),
    }
    return {name: mcnemar(right[0][kind][part], right[1][kind][part], groups[part].tolist()) for name, (part, kind) in parts.items()}


def _tests(first: Predictions, second: Predictions, discordant: dict[str, Discordance]) -> dict[str, tuple[str, float, float]]:
    """Return the name, p-value and standard error of the test for each metric that has one of its own."""
    labels, classes = first.scored.labels, first.scored.probabilities.shape[1]
    places = [first.scored.positive] if classes == 2 else list(range(classes))
    scores = np.stack([each.scored.probabilities for each in (first, second)])

    def area(columns: list[int]) -> tuple[str, float, float]:
        found = mean_areas(scores[:, :, columns], labels[:, None] == np.array(columns), first.groups)
        return DELONG, found.p_value(), found.difference()[1]

    return {
        "auc": area(places),
        "auc_positive": area([first.scored.positive]),
        **{name: (MCNEMAR, discordant[name].p_groups, discordant[name].error) for name in SHARES},
    }
