"""Scores of patients: what a model says of a person (or slide), from all of its images."""

from collections.abc import Sequence

import numpy as np

from components.domain.bootstrap import bootstrap
from components.domain.intervals import widen
from components.domain.metrics import Scored, measure
from components.domain.report import Patients
from serving.contract import Card
from serving.verdict import predicted_class

NO_PATIENTS = ("near:", "image:", "site:")
"""Groups of these kinds (`components.ingest.groups`) are clusters, single images or sites; every other group is a patient or slide."""


def measure_patients(scored: Scored, groups: Sequence[str], card: Card, *, draws: int, seed: int) -> Patients | None:
    """Measure a model on patients: the mean of the probabilities of a patient's images, at the operating point chosen for images.

    Patients whose images are of several classes have no one label: they are left out and counted. Several patients that near
    duplicates tie together are one group, and one patient here.

    Args:
        scored: N test images.
        groups: of each image, length N.
        card: of the bundle; holds the operating point.
        draws: resamples of patients.
        seed: of the bootstrap.

    Returns:
        None if the images left do not have a patient of every class.
    """
    names = np.array(groups, dtype=object)
    known = np.array([not group.startswith(NO_PATIENTS) for group in groups], dtype=np.bool_)
    places = {name: np.flatnonzero(names == name) for name in dict.fromkeys(names[known].tolist())}
    pure = {name: where for name, where in places.items() if len(set(scored.labels[where].tolist())) == 1}
    labels = np.array([scored.labels[where[0]] for where in pure.values()], dtype=np.int64)
    if set(labels.tolist()) != set(range(len(card.classes))):
        return None
    means = np.stack([scored.probabilities[where].mean(axis=0) for where in pure.values()])
    predicted = np.array([predicted_class(row.astype(np.float32), card) for row in means], dtype=np.int64)
    people = Scored(labels, means, predicted, scored.positive)
    drawn = bootstrap(lambda weights: measure(people, weights), list(pure), labels=labels, draws=draws, seed=seed)
    return Patients(
        patients=len(pure),
        images=sum(map(len, pure.values())),
        classes={label: int((labels == index).sum()) for index, label in enumerate(card.classes)},
        mixed=len(places) - len(pure),
        unknown=int((~known).sum()),
        metrics=widen(drawn.intervals, people, list(pure)),
    )
