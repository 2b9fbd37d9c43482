"""A step works again only when a setting that it uses changes, and data prepared for another recipe is told."""

import pytest

from components.domain import presets
from components.domain.errors import RefusedError
from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_json, part_of, require_made_for

RECIPE = presets.load("ultrasound-mobilenetv2")


@pytest.mark.parametrize(
    ("key", "value", "again"),
    [
        ("epochs", "5", []),
        ("learning_rate", "0.002", []),
        ("seeds", "5", []),
        ("batch_size", "8", []),
        ("search.dropout", "[0.1, 0.2]", []),
        ("roi_margin", "0.3", []),  # without roi=mask nothing looks at it
        ("augmentation.rotation", "33", ["augment"]),
        ("balance_to", "77", ["augment"]),
        ("copies.crop", "0.15", ["augment"]),
        ("image_size", "96", ["ingest"]),
        ("fit", "crop", ["ingest"]),
        ("test", "0.31", ["ingest"]),
        ("given_split", "false", ["ingest"]),
        ("leaks", "true", ["ingest"]),
        ("optimizer", "rmsprop", []),
        ("head", "hidden", []),
        ("positive", '["cancer"]', ["ingest"]),
        ("roi", "mask", ["ingest"]),
        ("split_seed", "7", ["ingest", "augment"]),
    ],
)
def test_a_setting_is_the_business_of_the_steps_that_use_it(key: str, value: str, again: list[str]) -> None:
    changed = RECIPE.override({key: value})
    assert changed != RECIPE
    assert [step for step in ("ingest", "augment") if part_json(changed, step) != part_json(RECIPE, step)] == again


@pytest.mark.parametrize("step", ["ingest", "augment"])
def test_a_part_is_read_as_a_recipe_and_is_its_own_part(step: str) -> None:
    part = Recipe.from_json(part_json(RECIPE, step))
    assert part == part_of(RECIPE, step)
    assert part_of(part, step) == part


def test_data_of_the_same_settings_is_trained_and_of_others_refused() -> None:
    made = {step: part_json(RECIPE, step) for step in ("ingest", "augment")}
    require_made_for(made, RECIPE.override({"epochs": "3"}))
    with pytest.raises(RefusedError, match="but ingest had another image_size, test; give the parameter ingest_recipe"):
        require_made_for(made, RECIPE.override({"image_size": "96", "test": "0.3"}))
    with pytest.raises(RefusedError, match="but augment had another augmentation"):
        require_made_for(made, RECIPE.override({"augmentation.zoom": "0.4"}))
