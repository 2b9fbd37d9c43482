"""The published systems as presets: every one is there in both faces, and says what was published."""

import pytest

from components.domain import presets
from components.domain.errors import InputError

PUBLISHED = {
    "histology-densenet201": ("densenet201", 224, "normalized", "adam", 1e-4, 7, 0, 16),
    "ultrasound-densenet121": ("densenet121", 224, "linear", "adam", 1e-4, 0, 100, 32),
    "ultrasound-densenet121:balanced": ("densenet121", 224, "linear", "adam", 1e-4, 0, 100, 32),
    "ultrasound-densenet121:roi": ("densenet121", 224, "linear", "adam", 1e-4, 0, 100, 32),
    "histology-cnn512": ("flatcnn", 512, "single", "adam", 1e-3, 20, 0, 32),
    "cells-mobilenetv2": ("mobilenetv2", 224, "hidden", "adam", 1e-4, 0, 10, 32),
    "cells-inceptionv3": ("inceptionv3", 299, "hidden", "rmsprop", 1e-5, 0, 10, 32),
    "cells-densenet121": ("densenet121", 224, "hidden", "adam", 1e-4, 0, 10, 32),
    "idc-efficientnetb0": ("efficientnetb0", 96, "hidden", "adam", 1e-3, 6, 6, 64),
}
"""Backbone, side, head, optimiser, first learning rate, epochs of both phases, batch, as the published systems had them."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_face_is_the_published_protocol_and_marked_as_leaking(name):
    recipe = presets.load(f"{name}:as_published")
    rate = recipe.learning_rate if recipe.epochs else recipe.fine_tune_learning_rate
    seen = (recipe.backbone, recipe.image_size, recipe.head, recipe.optimizer, rate, recipe.epochs, recipe.fine_tune_epochs)
    assert (*seen, recipe.batch_size) == PUBLISHED[name]
    assert (recipe.leaks, recipe.trials, recipe.seeds, recipe.patience) == (True, 0, 1, 0)


@pytest.mark.parametrize("name", [name for name in presets.every() if "as_published" not in name])
def test_the_corrected_face_is_the_default_and_splits_by_group(name):
    recipe = presets.load(name)
    assert not recipe.leaks
    assert recipe.augmentation.zoom <= 0.2
    assert presets.load(f"{name}:corrected") is recipe


def test_every_published_system_has_both_faces():
    faces = {name for name in presets.every() if name.endswith(":as_published")}
    assert faces == {f"{name}:as_published" for name in PUBLISHED}


def test_the_odd_zoom_is_only_in_the_published_face():
    assert presets.load("histology-densenet201:as_published").augmentation.zoom == 2
    assert presets.load("histology-densenet201").augmentation.zoom == 0.1


def test_an_oracle_is_one_in_both_faces():
    assert presets.load("ultrasound-densenet121:roi").oracle
    assert presets.load("ultrasound-densenet121:roi:as_published").oracle
    assert not presets.load("ultrasound-densenet121:raw").oracle


def test_a_variant_that_may_be_left_out_may_be_written():
    assert presets.load("ultrasound-densenet121:raw:as_published").name == "ultrasound-densenet121:as_published"


def test_an_unknown_variant_names_those_that_exist():
    with pytest.raises(InputError, match=r"has no variant 'crop'; choose one of ultrasound-densenet121, .*:roi"):
        presets.load("ultrasound-densenet121:crop")


def test_models_of_cells_are_registered_under_their_own_name():
    assert presets.load("cells-inceptionv3").model_name == "lobule-cells"
