"""Which trial of a study wins: the best value, unless a cheaper one is as good for all that the validation images can tell."""

import optuna
from optuna.trial import FrozenTrial, TrialState

MARGIN = 0.005
"""Macro AUC within which trials count as equally good: well below the standard error of any data set here."""
COST = "cost"
"""Attribute of a trial: what a prediction costs, up to a factor (`components.tune.objective.cost`)."""


def best_trial(study: optuna.Study) -> FrozenTrial:
    """Return the cheapest of the complete trials within the margin of the best value; of equally cheap ones the best, then the first.

    Where a space varies neither backbone nor resolution, every trial costs the same and the best value wins.

    Args:
        study: with at least one complete trial.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    most = max(trial.value for trial in complete)
    near = [trial for trial in complete if trial.value >= most - MARGIN]
    return min(near, key=lambda trial: (trial.user_attrs.get(COST, 0.0), -trial.value, trial.number))
