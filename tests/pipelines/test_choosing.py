"""Which recipe a run takes when none is named, and how settings of the command line are read."""

import pytest

from components.domain import presets
from components.domain.errors import InputError
from pipelines.choose import choose_recipe, first_weights
from pipelines.cli.options import load_recipe, parse_settings


@pytest.mark.parametrize(
    ("layout", "weights", "recipe"),
    [
        ("BUSI", "file.h5", "ultrasound-mobilenetv2"),
        ("BUSI", None, "ultrasound-mobilenetv2"),
        ("BUSI", "none", "ultrasound-mobilenetv2"),
        ("folder per class", "imagenet", "histology-mobilenetv2"),
        ("folder per class", None, "quickstart"),
        ("IDC", "none", "quickstart"),
    ],
)
def test_the_first_row_of_the_table_that_fits_decides(layout, weights, recipe):
    assert choose_recipe(layout, weights)[0] == recipe


def test_a_network_from_scratch_starts_from_no_weights_and_others_from_imagenet():
    assert presets.load("quickstart").usual_weights == "none"
    assert presets.load("ultrasound-mobilenetv2").usual_weights == "imagenet"


def test_weights_for_a_network_from_scratch_are_refused_before_anything_runs():
    recipe = presets.load("histology-cnn512:as_published")
    assert first_weights(recipe, None) == first_weights(recipe, "none") == "none"
    with pytest.raises(
        InputError, match="histology-cnn512:as_published trains from scratch, but got weights imagenet; leave out --weights"
    ):
        first_weights(recipe, "imagenet")


@pytest.mark.parametrize("text", ["epochs", "=3", "epochs=", ""])
def test_a_setting_without_key_or_value_is_refused(text):
    with pytest.raises(InputError, match="--set must be KEY=VALUE"):
        parse_settings((text,))


def test_the_name_of_a_recipe_cannot_be_changed():
    with pytest.raises(InputError, match="cannot change 'name'"):
        parse_settings(("name=other",))


def test_options_of_their_own_win_over_nothing_and_reach_the_recipe():
    recipe = load_recipe("quickstart", ("epochs=5",), trials=7, seeds=1)
    assert (recipe.epochs, recipe.trials, recipe.seeds) == (5, 7, 1)
