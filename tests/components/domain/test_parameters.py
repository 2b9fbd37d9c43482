"""What of a recipe stands beside other runs."""

from components.domain import names
from components.domain.parameters import changes, parameters
from components.domain.presets import load


def test_a_tuned_rate_is_short_enough_to_read():
    shown = parameters(load("quickstart").override({"learning_rate": "0.002673375196167578"}))
    assert shown["learning_rate"] == 0.002673 and len(shown) < 25


def test_copies_are_shown_where_they_are_made():
    recipe = load("quickstart")
    assert parameters(recipe)["copies"] == "none"
    assert parameters(recipe.override({"balance_to": "max"}))["copies"] == "flips=horizontal rotation=70.0 crop=0.2"


def test_how_the_data_was_split_is_one_line():
    recipe = load("quickstart")
    assert parameters(recipe)["split"] == "seed 0 validation 0.2 test 0.2"
    assert parameters(recipe.override({"folds": "5", "fold": "2"}))["split"] == "seed 0 fold 2 of 5"


def test_what_was_changed_is_told_and_how_hard_was_searched_is_not():
    recipe = load("ultrasound-mobilenetv2")
    assert changes(recipe) == "" and changes(recipe.override({"trials": "2", "seeds": "3"})) == ""
    assert changes(recipe.override({"fine_tune_epochs": "0", "backbone": "convnet"})) == "backbone=convnet fine_tune_epochs=0"


def test_runs_of_an_earlier_version_keep_their_intervals():
    assert names.read_intervals({"test_auc": 0.9, "test_auc_low": 0.8, "test_auc_high": 0.95}) == {"auc": (0.9, 0.8, 0.95)}
    now = {
        names.test_metric("auc"): 0.8,
        **dict(zip(names.interval_metrics("auc"), (0.7, 0.9), strict=True)),
        names.test_metric("images"): 120.0,
    }
    assert names.read_intervals(now) == {"auc": (0.8, 0.7, 0.9)}
