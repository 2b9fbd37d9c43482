"""The winner of a study: the best value, unless a cheaper trial is as good for all that can be told."""

import optuna
import pytest

from components.tune.choice import COST, best_trial


@pytest.mark.parametrize(
    ("trials", "chosen", "because"),
    [
        ([(0.90, 1.0), (0.92, 1.0)], 1, "equally cheap: the better one"),
        ([(0.92, 4.0), (0.917, 1.0)], 1, "cheaper, and within the margin"),
        ([(0.92, 4.0), (0.914, 1.0)], 0, "cheaper, but worse by more than the margin"),
        ([(0.92, 4.0), (0.916, 1.0), (0.917, 1.0)], 2, "of two cheap ones the better"),
        ([(0.92, 1.0), (0.92, 1.0)], 0, "of equals the first"),
    ],
)
def test_the_cheapest_trial_within_the_margin_of_the_best_wins(trials, chosen, because):
    study = optuna.create_study(direction="maximize")
    for value, cost in trials:
        study.add_trial(optuna.trial.create_trial(value=value, user_attrs={COST: cost}))
    assert best_trial(study).number == chosen, because
