"""The comparison: models in, differences of every pair out, with what they mean in words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from components.compare.align import Aligned, Entrant, align
from components.compare.holm import holm
from components.compare.paired import Paired, compare_pair, with_need
from components.compare.words import seeds_say, verdict
from components.domain.errors import InputError
from components.domain.metrics import HIGHER_IS_BETTER

DECIDING = ("auc", "accuracy", "sensitivity", "specificity")
"""Metrics that are tested unless others are named; the rest are shown with their intervals."""
MOST = 6
"""Models compared at once: 15 pairs are as many as a reader follows."""


@dataclass(frozen=True)
class Pair:
    """Two models, by name: how they differ, and what that means."""

    first: str
    second: str
    paired: Paired
    verdict: str
    told: bool
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Disagreement:
    """An image whose class not all models agree on.

    Attributes:
        id, group, label: of the image.
        said: the class that each model says, in the order of the models.
        scores: the probability that each gives the true class.
    """

    id: str
    group: str
    label: str
    said: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
        aligned: the models on their common test images.
        deciding: metrics that were tested, in order.
        pairs: every two models, in the order given.
        disagreements: the widest apart first.
        warnings: what a reader must know before any figure.
    """

    aligned: Aligned
    deciding: tuple[str, ...]
    pairs: tuple[Pair, ...]
    disagreements: tuple[Disagreement, ...]
    warnings: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Names of the models."""
        return [each.name for each in self.aligned.entrants]

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, the deciding ones first; of two classes, the positive one's AUC is the AUC."""
        doubled = ("auc_positive",) if len(self.aligned.entrants[0].report.classes) == 2 else ()
        rest = [name for name in self.pairs[0].paired.differences if name not in (*self.deciding, *doubled)]
        return [*self.deciding, *rest]

    @property
    def images(self) -> int:
        """How many test images are common."""
        return len(self.aligned.entrants[0].predictions.ids)

    @property
    def groups(self) -> int:
        """How many groups they are of."""
        return len(set(self.aligned.entrants[0].predictions.groups))


def compare_models(entrants: Sequence[Entrant], *, deciding: Sequence[str] = DECIDING, draws: int = 2000, seed: int = 0) -> Comparison:
    """Compare every two models on the test images that all have in common.

    Args:
        entrants: two to `MOST`, of different names.
        deciding: metrics to test; the p-values of all pairs and all of these metrics are corrected together.
        draws: resamples of the groups.
        seed: of the resamples.

    Raises:
        InputError: if they cannot be compared.
    """
    names = [each.name for each in entrants]
    if not 2 <= len(names) <= MOST or len(set(names)) < len(names):
        raise InputError(f"a comparison takes 2 to {MOST} different runs, but got {', '.join(names)}; name each once")
    unknown = [name for name in deciding if name not in HIGHER_IS_BETTER]
    if unknown or not deciding:
        raise InputError(f"there is no metric {', '.join(map(repr, unknown))}; decide by some of {', '.join(HIGHER_IS_BETTER)}")
    deciding = tuple(dict.fromkeys(deciding))
    aligned = align(entrants)
    couples = list(combinations(aligned.entrants, 2))
    found = [compare_pair(one.predictions, other.predictions, draws=draws, seed=seed) for one, other in couples]
    groups = len(set(aligned.entrants[0].predictions.groups))
    questions = len(couples) * len(deciding)
    found = [with_need(each, deciding, groups=groups, questions=questions) for each in _corrected(found, deciding)]
    images = len(aligned.entrants[0].predictions.ids)
    pairs = []
    for (one, other), paired in zip(couples, found, strict=True):
        told, said, more = verdict(one.name, other.name, paired, deciding, images=images, groups=groups)
        pairs.append(Pair(one.name, other.name, paired, said, told, (*more, *seeds_say(one, other, deciding[0]))))
    return Comparison(aligned, deciding, tuple(pairs), _disagreements(aligned), _warnings(aligned))


def _corrected(found: list[Paired], deciding: tuple[str, ...]) -> list[Paired]:
    asked = [(place, name) for place in range(len(found)) for name in deciding if found[place].differences[name].p is not None]
    adjusted = holm([float(found[place].differences[name].p or 0.0) for place, name in asked])
    for (place, name), value in zip(asked, adjusted, strict=True):
        differences = found[place].differences
        found[place] = replace(found[place], differences=differences | {name: replace(differences[name], adjusted=value)})
    return found


def _disagreements(aligned: Aligned) -> tuple[Disagreement, ...]:
    first = aligned.entrants[0]
    classes, scored = first.report.classes, [each.predictions.scored for each in aligned.entrants]
    said = np.stack([each.predicted for each in scored])
    own = np.stack([each.probabilities[np.arange(len(each.labels)), each.labels] for each in scored])
    places = np.flatnonzero((said != said[0]).any(axis=0))
    places = places[np.argsort(-(own.max(axis=0) - own.min(axis=0))[places], kind="stable")]
    return tuple(
        Disagreement(
            id=first.predictions.ids[place],
            group=first.predictions.groups[place],
            label=classes[scored[0].labels[place]],
            said=tuple(classes[index] for index in said[:, place].tolist()),
            scores=tuple(own[:, place].tolist()),
        )
        for place in places.tolist()
    )


def _warnings(aligned: Aligned) -> tuple[str, ...]:
    told = []
    for each in aligned.entrants:
        if each.report.leaking:
            told.append(f"{each.name} comes from a protocol that leaks: its figures are too good, and the comparison says nothing")
        if each.report.oracle:
            told.append(f"{each.name} saw images cut down to lesion masks, which no user has (an oracle): the comparison says nothing")
    if not aligned.same:
        parts = ", ".join(f"{count} of {name}" for name, count in aligned.left_out.items())
        told.append(f"the test splits differ: only the images common to all are compared; left out are {parts}")
    if aligned.relabelled:
        told.append(f"{aligned.relabelled} images have different labels in the data sets and are left out")
    if len({each.report.bundle for each in aligned.entrants}) < len(aligned.entrants):
        told.append("some of these are one and the same model bundle")
    return tuple(told)
