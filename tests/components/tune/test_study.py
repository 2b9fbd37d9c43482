"""The study: it finishes the number asked for, continues where it was, and its best trial becomes the recipe."""

import json

import numpy as np
import pytest

from components.domain.errors import InputError
from components.domain.study import read_best, read_values
from components.domain.tracking import NoTracker
from components.tune.orders import Orders
from components.tune.tickets import finished
from components.tune.tune import create, tune


def trials_of(folder):
    return json.loads((folder / "trials.json").read_text())


def test_a_study_finishes_what_was_asked_and_its_best_trial_becomes_the_recipe(orders_for, searched, tiny_recipe, tmp_path):
    _, (best, value) = searched(orders_for(), tmp_path / "study")
    trials = trials_of(tmp_path / "study")
    assert [trial["state"] for trial in trials] == ["COMPLETE", "COMPLETE"]
    assert (trials[0]["learning_rate"], trials[0]["dropout"]) == (tiny_recipe.learning_rate, tiny_recipe.dropout)  # as it stands
    winner = max(trials, key=lambda trial: trial["value"])
    assert (value, best.learning_rate) == (winner["value"], pytest.approx(winner["learning_rate"]))
    assert read_best(tmp_path / "study") == best
    assert np.isfinite(read_values(tmp_path / "study")).all()
    assert (tmp_path / "study" / "study_history.png").read_bytes().startswith(b"\x89PNG")
    again, _ = searched(orders_for(trials=3), tmp_path / "again")  # a second call runs only what is missing
    assert len(finished(again)) == 3
    assert trials_of(tmp_path / "again")[:2] == trials
    assert list((tmp_path / "checkpoints").glob("*")) == []


def test_a_study_whose_trials_all_fail_ends_with_the_commonest_reason(orders_for, searched, tmp_path):
    orders = orders_for(backbone="inceptionv3", trials=2)
    with pytest.raises(
        InputError, match=r"3 failed \(2 were asked for\); .* \(3 times\): image_size must be at least 75 for inceptionv3, but"
    ) as ended:
        searched(orders, tmp_path / "study")
    assert "\n" not in str(ended.value)
    assert not (tmp_path / "study").exists()


def test_a_recipe_without_trials_stays_as_it_stands(orders_for, tmp_path):
    orders = orders_for(trials=0, storage="sqlite://")
    assert tune(orders, tmp_path, tracker=NoTracker()) == (orders.recipe, 0.0)
    assert read_best(tmp_path) == orders.recipe


def test_a_storage_that_does_not_answer_is_named_without_its_password(orders_for):
    with pytest.raises(InputError, match="LOBULE_OPTUNA_STORAGE must be a database that answers, but postgresql://127") as refused:
        create(orders_for(storage="postgresql://lobule:secret@127.0.0.1:1/optuna"))
    assert "secret" not in str(refused.value)


def test_orders_survive_their_way_to_a_process(orders_for):
    for orders in (orders_for(), orders_for(checkpoints=None, search__dropout="[0, 0.1]")):
        assert Orders.from_json(orders.to_json()) == orders
