"""Recipes: what cannot be trained is refused at the door, and nothing is misread."""

import json

import pytest

from components.domain import presets
from components.domain.augmentation import Augmentation
from components.domain.errors import InputError
from components.domain.recipe import Recipe
from components.domain.search_space import SearchSpace


@pytest.mark.parametrize("name", presets.every())
def test_a_preset_survives_json_and_is_described(name):
    recipe = presets.load(name)
    assert Recipe.from_json(recipe.to_json()) == recipe
    for part in ("Command:", "Cost:", "Expected:", "Source:"):
        assert part in presets.describe(name)


def test_a_setting_is_replaced_by_its_text():
    recipe = presets.load("quickstart").override({"epochs": "3", "augmentation.zoom": "0.2", "search.dropout": "[0, 0.1]", "fit": "crop"})
    assert (recipe.epochs, recipe.augmentation.zoom, recipe.search.dropout, recipe.fit) == (3, 0.2, (0, 0.1), "crop")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("epoch", "3", "no setting 'epoch'"),
        ("augmentation.spin", "3", "no setting 'augmentation.spin'"),
        ("augmentation", "3", "no setting 'augmentation'"),
        ("epochs", "three", "must be of type int"),
        ("epochs", "0", "epochs must be at least 1 without fine_tune_epochs"),
        ("epochs", "-1", "epochs must not be negative"),
        ("head", "deep", "head must be one of linear, normalized, hidden, single"),
        ("optimizer", "sgd", "optimizer must be one of adamw, adam, rmsprop"),
        ("schedule", "step", "schedule must be one of cosine, constant, plateau"),
        ("dropout", "1.0", "dropout must lie in [0, 1)"),
        ("backbone", "vgg", "backbone must be one of"),
        ("balance", "1", "must be of type bool"),
        ("search.learning_rate", "[0.1, 0.01]", "0 <= low <= high"),
        ("image_size", "8", "image_size must lie in [32, 1024]"),
        ("balance_to", "most", "balance_to must be a count or max, but got 'most'"),
        ("balance_to", "-3", "balance_to must be a count or max"),
        ("copies.mixup", "0.2", "a copy has one label"),
        ("augmentation.zoom", "2.5", "augmentation.zoom must lie in [0, 2]"),
        ("augmentation.speckle", "1.0", "augmentation.speckle must lie in [0, 1)"),
        ("augmentation.cutmix", "1.5", "augmentation.cutmix must lie in [0, 1]"),
        ("search.dropout", '["low", "high"]', "search.dropout must be two numbers"),
        ("search.dropout", "[false, true]", "search.dropout must be two numbers"),
        ("search.dropout", "[[0, 1], 0.5]", "search.dropout must be two numbers"),
        ("search.learning_rate", "[0.1, NaN]", "0 <= low <= high <= 1"),
        ("search.learning_rate", "[0.1, Infinity]", "0 <= low <= high <= 1"),
        ("search.weight_decay", "[0, 1]", "search.weight_decay must be below 1"),
        ("split_seed", str(2**31), "split_seed must be below 2147483648"),
        ("batch_size", "4097", "batch_size must be at most 4096"),
        ("positive", '["malignant", ""]', "none empty"),
        ("positive", "[1]", "must be names of classes"),
        ("positive", "[]", "must be names of classes"),
    ],
)
def test_a_bad_setting_is_refused_with_its_rule(key, value, words):
    with pytest.raises(InputError) as refused:
        presets.load("quickstart").override({key: value})
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_recipe_without_a_frozen_phase_is_not_searched():
    with pytest.raises(InputError, match="trials must be 0 where epochs is 0"):
        presets.load("ultrasound-mobilenetv2").override({"epochs": "0"})
    assert presets.load("ultrasound-mobilenetv2").override({"epochs": "0", "trials": "0"}).fine_tune_epochs == 15


@pytest.mark.parametrize("to", ["0", "max", "891"])
def test_the_target_count_of_copies_is_set_as_text_or_number(to):
    assert presets.load("quickstart").override({"balance_to": to, "copies.rotation": "45"}).balance_to == to


def choices_for(key):
    with pytest.raises(InputError) as refused:
        presets.load("quickstart").override({key: "3"})
    return str(refused.value).partition("choose one of ")[2].split(", ")


def test_an_unknown_setting_names_those_that_can_be_set():
    choices = choices_for("epoch")
    assert {"epochs", "augmentation.zoom", "search.dropout"} <= set(choices)
    assert not {"name", "task", "augmentation", "search"} & set(choices)
    assert {"search.dropout", "search.learning_rate", "search.backbone"} <= set(choices_for("search.epochs"))


def test_an_unknown_recipe_names_those_that_exist():
    with pytest.raises(InputError, match=r"choose one of .*quickstart"):
        presets.load("quickstrat")


def test_the_digest_changes_with_any_setting():
    recipe = presets.load("quickstart")
    changed = [
        recipe.override({"epochs": "99"}),
        recipe.override({"augmentation.zoom": "0.99"}),
        recipe.override({"search.dropout": "[0,0]"}),
    ]
    assert len({recipe.digest, *(each.digest for each in changed)}) == 4


def test_flat_names_every_setting_once():
    flat = presets.load("quickstart").flat()
    assert flat["augmentation.flips"] == "both"
    assert flat["positive"] == "malignant 1 M"
    assert len(flat) == len(json.loads(presets.load("quickstart").to_json())) - 3 + 2 * len(Augmentation().__dict__) + len(
        SearchSpace().__dict__
    )
