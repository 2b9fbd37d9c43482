"""What a run trains and starts from when the user leaves it open, and how settings of the command line are read."""

import pytest

from components.domain import presets
from components.domain.errors import InputError
from pipelines.choose import choose_recipe, first_weights, named_recipe, preview, require_weights
from pipelines.cli.options import all_settings, load_recipe, parse_settings


@pytest.mark.parametrize(
    ("recipe", "source", "weights", "name"),
    [
        (None, None, None, "quickstart"),
        (None, None, "none", "quickstart"),
        (None, None, "imagenet", "auto"),
        (None, "folder", None, "auto"),
        (None, "folder", "none", "auto"),
        ("quickstart", "folder", None, "quickstart"),
        ("auto", None, None, "auto"),
    ],
)
def test_data_or_weights_of_ones_own_make_it_auto_unless_a_recipe_is_named(recipe, source, weights, name):
    assert named_recipe(recipe, source, weights) == name


def test_a_sample_is_chosen_for_and_told_line_by_line(sample, caplog):
    caplog.set_level("INFO")
    chosen = choose_recipe(sample, weights="none", given={"image_size": "48", "seeds": "1"})
    assert (chosen.recipe.model_name, chosen.recipe.backbone, chosen.recipe.image_size) == ("lobule-histology", "convnet", 48)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("recipe auto, chosen for ") and "patients or slides" in lines[0]
    assert [line for line in lines if line.split() == ["image_size", "48", "set", "by", "you;", "auto", "would", "take", "96"]]
    assert len(lines) == 1 + len(chosen.choices)


def test_what_inspect_shows_is_chosen_without_a_download(sample, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert preview(sample).weights == "none"


def weights_of_mobilenetv2(folder):
    import keras

    keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(96, 96, 3)).save_weights(folder / "some.weights.h5")
    return str(folder / "some.weights.h5")


def test_a_file_of_weights_decides_the_backbone_and_refuses_another(sample, tmp_path):
    file = weights_of_mobilenetv2(tmp_path)
    chosen = choose_recipe(sample, weights=file, given={})
    assert (chosen.recipe.backbone, chosen.weights) == ("mobilenetv2", file)
    require_weights(file, chosen.recipe)
    with pytest.raises(
        InputError, match=r"must be of densenet121 without its top, but .* holds mobilenetv2; add --set backbone=mobilenetv2"
    ):
        require_weights(file, presets.load("ultrasound-densenet121"))


def test_a_file_that_tells_no_backbone_needs_one_to_be_named(sample, tmp_path):
    (tmp_path / "some.h5").write_bytes(b"?")
    with pytest.raises(InputError, match=r"must be of one of mobilenetv2, .* is like none of them; add --set backbone=NAME"):
        choose_recipe(sample, weights=str(tmp_path / "some.h5"), given={})
    named = choose_recipe(sample, weights=str(tmp_path / "some.h5"), given={"backbone": "densenet121"})
    assert named.recipe.backbone == "densenet121"


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


@pytest.mark.parametrize("key", ["name", "task"])
def test_the_name_of_a_recipe_and_its_task_cannot_be_changed(key):
    with pytest.raises(InputError, match=f"cannot change '{key}'"):
        parse_settings((f"{key}=other",))


def test_options_of_their_own_win_over_nothing_and_reach_the_recipe():
    recipe = load_recipe("quickstart", ("epochs=5",), trials=7, seeds=1)
    assert (recipe.epochs, recipe.trials, recipe.seeds) == (5, 7, 1)
    assert all_settings(("epochs=5",), trials=7) == {"epochs": "5", "trials": "7"}


def test_a_recipe_that_a_run_kept_can_be_named_by_its_file(tmp_path):
    recipe = presets.load("quickstart").override({"epochs": "7"})
    (tmp_path / "recipe.json").write_text(recipe.to_json())
    assert load_recipe(str(tmp_path / "recipe.json"), ()) == recipe
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(InputError, match=r"must be one that a run kept, but .*other.json is not"):
        load_recipe(str(tmp_path / "other.json"), ())


def test_without_data_there_is_nothing_to_choose_for():
    with pytest.raises(InputError, match="recipe auto is chosen for data on this machine, of which this command knows nothing"):
        load_recipe("auto", ())
