"""A search space names what a study varies; what cannot be tried is refused before anything is."""

import pytest

from components.domain import presets
from components.domain.augmentation import Augmentation
from components.domain.errors import InputError
from components.domain.search_space import Range, as_it_stands, dimensions, require_backbones, with_settings

SCANS = presets.load("ultrasound-mobilenetv2")


def varied(recipe, weights="imagenet", **search):
    return dimensions(recipe.override({f"search.{name}": text for name, text in search.items()}), weights)


def test_ranges_are_logarithmic_whole_or_plain_and_choices_hold_the_recipes_own_value():
    found, idle = varied(SCANS, fine_tune_layers="[20, 100]", batch_size="[16, 64]", augmentation_strength="[0.5]", optimizer="[]")
    assert found["learning_rate"] == Range(3e-4, 3e-3, log=True)
    assert found["dropout"] == Range(0.1, 0.5)
    assert found["fine_tune_layers"] == Range(20, 100, whole=True)
    assert found["batch_size"] == (16, 32, 64)
    assert found["augmentation_strength"] == (0.5, 1.0)
    assert "optimizer" not in found
    assert idle == {}
    assert as_it_stands(SCANS, found)["batch_size"] == 32


def test_what_has_no_effect_is_named_with_its_reason():
    second = {"fine_tune_learning_rate": "[1e-5, 1e-3]"}
    for recipe, weights in ((SCANS, None), (SCANS.override({"fine_tune_epochs": "0"}), "imagenet")):
        found, idle = varied(recipe, weights, **second)
        assert "fine_tune_learning_rate" not in found
        assert idle == {"fine_tune_learning_rate": "there is no second phase"}


def test_an_empty_range_leaves_the_setting_as_the_recipe_has_it():
    found, _ = varied(SCANS, dropout="[]")
    assert "dropout" not in found
    assert with_settings(SCANS, {"learning_rate": 5e-4}).dropout == SCANS.dropout


def test_a_trials_settings_become_a_recipe():
    tried = with_settings(SCANS, {"backbone": "densenet121", "batch_size": 16, "fine_tune_layers": 7, "augmentation_strength": 2.0})
    assert (tried.backbone, tried.batch_size, tried.fine_tune_layers) == ("densenet121", 16, 7)
    assert (tried.augmentation.rotation, tried.augmentation.flips) == (16.0, "horizontal")


def test_a_policy_grows_no_further_than_is_allowed_and_may_vanish():
    policy = Augmentation(rotation=120, zoom=0.6, brightness=0.5, grayscale=0.6)
    assert policy.scaled(2.0) == Augmentation(rotation=180, zoom=0.99, brightness=0.99, grayscale=0.99)
    assert policy.scaled(0.0) == Augmentation()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("batch_size", "[0]", "search.batch_size must be whole numbers from 1"),
        ("batch_size", "[16.5]", "search.batch_size must be whole numbers from 1"),
        ("fine_tune_layers", "[20]", "search.fine_tune_layers must be two numbers, 0 <= low <= high <= 1000"),
        ("fine_tune_layers", "[100, 20]", "search.fine_tune_layers must be two numbers"),
        ("fine_tune_learning_rate", "[0, 0.1]", "search.fine_tune_learning_rate must be positive"),
        ("augmentation_strength", "[4]", "search.augmentation_strength must be factors in [0, 3]"),
        ("augmentation_strength", '["much"]', "search.augmentation_strength must be factors"),
        ("optimizer", '["sgd"]', "search.optimizer must be of adamw, adam, rmsprop, but got 'sgd'"),
        ("optimizer", "[1]", "search.optimizer must be names"),
        ("backbone", '["vgg"]', "search.backbone must be of convnet"),
        ("downscale", "[3]", "search.downscale must divide image_size 224"),
        ("downscale", "[16]", "and leave 32 pixels"),
        ("resolution", "[112]", "no setting 'search.resolution'; choose one of search.augmentation_strength, search.backbone"),
    ],
)
def test_a_space_that_cannot_be_tried_is_refused_with_its_rule(key, value, words):
    with pytest.raises(InputError) as refused:
        SCANS.override({f"search.{key}": value})
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("names", "weights", "words"),
    [
        ('["densenet121"]', "/models/mobilenet.h5", "which fits mobilenetv2 alone; add --set search.backbone="),
        ('["convnet"]', "imagenet", "but convnet has none; leave it out"),
    ],
)
def test_backbones_are_tried_only_where_their_weights_can_be_had(names, weights, words):
    recipe = SCANS.override({"search.backbone": names})
    with pytest.raises(InputError, match=words):
        require_backbones(recipe, weights)
    require_backbones(recipe, "none")


def test_the_images_must_divide_by_what_the_network_averages():
    with pytest.raises(InputError, match="downscale must divide image_size 224 and leave 32 pixels, but got 5"):
        SCANS.override({"downscale": "5"})
