"""What earlier studies of the same data found: their best settings are tried first, as trials like any other.

Kin are studies in the same storage that were made with the same data set digest (images, labels, groups and splits), backbone and kind
of start, and that vary the same settings. Nothing of their values is taken over: a new trial judges the settings again.
"""

import logging

import optuna

from components.domain.search_space import Dimension, Range, Setting
from components.tune.choice import best_trial

KIN = "lobule.kin"
"""Attribute of a study: what studies must share to learn from each other."""
MOST = 2
"""Settings that are taken over, and never more than half of the trials that the sampler would draw."""
logger = logging.getLogger(__name__)


def earlier_settings(
    study: optuna.Study, storage: optuna.storages.RDBStorage, *, kin: str, space: dict[str, Dimension], trials: int
) -> list[dict[str, Setting]]:
    """Mark a study with what its kin share, and return the best settings of the best earlier ones.

    Args:
        study: that begins.
        storage: in which it and the others lie.
        kin: text that is equal for kin alone.
        space: what is varied.
        trials: that the study shall finish.
    """
    study.set_user_attr(KIN, kin)
    found: list[tuple[float, str, dict[str, Setting]]] = []
    for summary in optuna.get_all_study_summaries(storage, include_best_trial=False):
        if summary.user_attrs.get(KIN) != kin or summary.study_name == study.study_name:
            continue
        try:
            best = best_trial(optuna.load_study(study_name=summary.study_name, storage=storage))
        except ValueError:  # none of its trials is complete
            continue
        if set(best.params) == set(space) and all(_within(best.params[name], each) for name, each in space.items()):
            found.append((float(best.value), summary.study_name, dict(best.params)))
    chosen: list[tuple[float, str, dict[str, Setting]]] = []
    for value, name, settings in sorted(found, key=lambda each: each[0], reverse=True):
        if len(chosen) < min(MOST, (trials - 1) // 2) and settings not in [each for *_, each in chosen]:
            chosen.append((value, name, settings))
    for value, name, _ in chosen:
        logger.info("an earlier study of the same data, %s, reached a validation AUC of %.3f: its best settings are tried too", name, value)
    return [settings for *_, settings in chosen]


def _within(value: Setting, dimension: Dimension) -> bool:
    if isinstance(dimension, Range):
        return isinstance(value, int | float) and dimension.low <= value <= dimension.high
    return value in dimension
