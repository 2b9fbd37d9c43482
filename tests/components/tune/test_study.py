"""The study: it finishes the number asked for, continues where it was, and its best trial becomes the recipe."""

import json

import numpy as np
import pytest

from components.domain.study import read_best
from components.domain.tracking import NoTracker
from components.tune.storage import enqueue_once, finished, open_study
from components.tune.tune import tune


@pytest.fixture(scope="module")
def study(tiny_training_set, tiny_recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    storage = f"sqlite:///{folder}/optuna.db"
    best, value = tune(
        tiny_training_set, folder / "first", recipe=tiny_recipe, weights=None, name="s", storage=storage, tracker=NoTracker()
    )
    return folder, storage, best, value


def test_the_first_trial_is_the_recipe_as_it_stands(study, tiny_recipe):
    folder, *_ = study
    first = json.loads((folder / "first" / "trials.json").read_text())[0]
    assert (first["learning_rate"], first["dropout"]) == (tiny_recipe.learning_rate, tiny_recipe.dropout)


def test_the_best_trial_becomes_the_recipe(study):
    folder, _, best, value = study
    trials = json.loads((folder / "first" / "trials.json").read_text())
    winner = max((trial for trial in trials if trial["state"] == "COMPLETE"), key=lambda trial: trial["value"])
    assert value == winner["value"]
    assert read_best(folder / "first") == best
    assert best.learning_rate == pytest.approx(winner["learning_rate"])
    assert 0 <= value <= 1


def test_a_second_call_runs_only_what_is_missing(study, tiny_training_set, tiny_recipe):
    folder, storage, *_ = study
    more = tiny_recipe.override({"trials": "3"})
    tune(tiny_training_set, folder / "second", recipe=more, weights=None, name="s", storage=storage, tracker=NoTracker())
    assert len(finished(open_study("s", storage=storage, seed=0))) == 3
    assert len(json.loads((folder / "second" / "trials.json").read_text())) == 3


def test_its_plots_are_pictures(study):
    folder, *_ = study
    assert (folder / "first" / "study_history.png").read_bytes().startswith(b"\x89PNG")


def test_values_of_trials_are_finite(study):
    folder, *_ = study
    trials = json.loads((folder / "first" / "trials.json").read_text())
    assert np.isfinite([trial["value"] for trial in trials]).all()


def test_the_recipe_as_it_stands_is_tried_even_if_the_first_attempt_was_cut_off(tmp_path):
    storage = f"sqlite:///{tmp_path}/optuna.db"
    study = open_study("s", storage=storage, seed=0)
    enqueue_once(study, {"learning_rate": 0.1})
    cut_off = study.ask()
    cut_off.suggest_float("learning_rate", 0.01, 1)  # and then the worker was killed: the trial stays RUNNING
    enqueue_once(study, {"learning_rate": 0.1})
    assert study.ask().suggest_float("learning_rate", 0.01, 1) == 0.1


def test_the_recipe_as_it_stands_is_queued_once(tmp_path):
    study = open_study("s", storage=f"sqlite:///{tmp_path}/optuna.db", seed=0)
    for _ in range(3):
        enqueue_once(study, {"learning_rate": 0.1})
    assert len(study.get_trials()) == 1


def test_a_continued_study_does_not_draw_again_what_it_drew(tmp_path):
    storage = f"sqlite:///{tmp_path}/optuna.db"
    drawn = []
    for _ in range(3):
        study = open_study("s", storage=storage, seed=0)
        trial = study.ask()
        drawn.append(trial.suggest_float("learning_rate", 0.01, 1))
        study.tell(trial, 0.5)
    assert len(set(drawn)) == 3


def test_a_recipe_without_trials_stays_as_it_stands(tiny_training_set, tiny_recipe, tmp_path):
    recipe = tiny_recipe.override({"trials": "0"})
    best = tune(tiny_training_set, tmp_path, recipe=recipe, weights=None, name="none", storage="sqlite://", tracker=NoTracker())
    assert best == (recipe, 0.0)
    assert read_best(tmp_path) == recipe
