"""By what a trial is judged: the validation split, or cross-validation within train and validation where that split is small.

The AUC of few groups is mostly chance: with 50 of either class its standard error is about 0.03, more than most settings are worth. Where
a trial learns from cached embeddings, training it once a fold costs seconds; where it trains from pixels, it would cost what as many
trials cost, and the validation split decides. The test split is no part of either.
"""

import logging
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from components.domain.artifacts import Dataset
from components.learning.phases import Embeddings, Examples
from components.learning.scores import Targets

SMALL_GROUPS = 100
"""Groups of the validation split below which trials are cross-validated."""
FOLDS = 3
"""Folds then: each trial costs as many trainings."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fold:
    """One training and what judges it, by places among all rows: those of the train split, then those of the validation split."""

    train: Targets
    validation: Targets


def folds_of(dataset: Dataset, examples: Examples, *, embedded: bool, seed: int) -> list[Fold]:
    """Return the folds of a trial; one, the splits as they are, where the validation split is large or training costs too much.

    Args:
        dataset: gives the groups, which no fold cuts.
        examples: the train and validation splits.
        embedded: trials learn from cached embeddings alone.
        seed: of the folds.
    """
    count, rows = len(examples.train), np.concatenate([examples.train, examples.validation])
    whole = [Fold(np.arange(count), np.arange(count, len(rows)))]
    groups = np.array(dataset.column("group"))[rows]
    if not embedded or len(np.unique(groups[count:])) >= SMALL_GROUPS:
        return whole
    targets = np.concatenate([examples.train_targets, examples.validation_targets])
    copies = np.array(dataset.table.column("augmented").to_pylist(), dtype=np.bool_)[rows]
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    least = min(len(np.unique(groups[targets == target])) for target in np.unique(targets))
    if least < FOLDS:
        logger.info("a class has %d groups, too few for %d folds: the validation split judges the trials", least, FOLDS)
        return whole
    folds = [Fold(train, validation[~copies[validation]]) for train, validation in splitter.split(rows, targets, groups)]
    if any(len(np.unique(targets[fold.validation])) < len(np.unique(targets)) for fold in folds):
        logger.info("some fold would lack a class: the validation split judges the trials")
        return whole
    logger.info("few groups in the validation split: %d-fold cross-validation by group judges the trials", FOLDS)
    return folds


def examples_of(fold: Fold, examples: Examples) -> Examples:
    """Return the examples of a fold."""
    rows = np.concatenate([examples.train, examples.validation])
    targets = np.concatenate([examples.train_targets, examples.validation_targets])
    return Examples(
        *(examples.pixels, rows[fold.train], targets[fold.train], rows[fold.validation], targets[fold.validation], examples.class_weights)
    )


def embeddings_of(fold: Fold, found: Embeddings, count: int) -> Embeddings:
    """Return the embeddings of a fold out of those of the splits.

    Images of the validation split have but one view, as they are; where they train it stands for all.

    Args:
        fold: which.
        found: of the splits, every view of the training images.
        count: images of the train split.
    """
    views = found.train.reshape(-1, count, found.train.shape[1])
    every = np.concatenate([views, np.repeat(found.validation[None], len(views), axis=0)], axis=1)
    return Embeddings(every[:, fold.train].reshape(-1, every.shape[2]), every[0, fold.validation])
