"""Recipe `auto`: each rule as a sentence, by hand; and whatever the data, weights and machine, the recipe is one that can be trained."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.domain.auto import Chosen, changed_by_user, choose, require_settings
from components.domain.auto_rules import RULES
from components.domain.auto_terms import positives
from components.domain.errors import InputError
from components.domain.fingerprint import Fingerprint, Machine
from components.domain.networks import NETWORKS
from components.domain.recipe import Recipe

CPU, GPU = Machine(cores=2, memory=16), Machine(16, 128, 1, "NVIDIA H100", 80)
SCANS = Fingerprint("BUSI", {"benign": 350, "malignant": 168, "normal": 106}, width=256, height=256, saturation=0.0, machine=CPU)
TISSUE = Fingerprint("folder per class", {"benign": 1000, "malignant": 1000}, width=700, height=700, machine=CPU)
PATCHES = Fingerprint("IDC", {"0": 198_738, "1": 78_786}, patients=162, width=50, height=50, machine=CPU)


def chosen(data: Fingerprint, weights: str | None = None, **given: str) -> Chosen:
    return choose(RULES, data, given={key.replace("__", "."): value for key, value in given.items()}, weights=weights)


def having(data: Fingerprint, **facts: object) -> Fingerprint:
    return replace(data, **facts)


HAD = {"imagenet": True}


@pytest.mark.parametrize(
    ("words", "data", "setting", "value"),
    [
        ("the BUSI layout is ultrasound", SCANS, "task", "ultrasound"),
        ("IDC patches are histology", PATCHES, "task", "histology"),
        ("coloured images in folders are histology", TISSUE, "task", "histology"),
        ("gray images in folders are ultrasound", having(TISSUE, saturation=0.05), "task", "ultrasound"),
        ("coloured B and M are cells", having(TISSUE, classes={"B": 50, "M": 50}), "task", "cells"),
        ("gray B and M are no cells", having(TISSUE, classes={"B": 50, "M": 50}, saturation=0.0), "task", "ultrasound"),
        ("ImageNet weights are taken where they can be had", having(TISSUE, **HAD), "weights", "imagenet"),
        ("without them there are none", TISSUE, "weights", "none"),
        ("no weights: a small network", TISSUE, "backbone", "convnet"),
        ("no weights, many images but no GPU: a small network", PATCHES, "backbone", "convnet"),
        ("no weights, many images and a GPU: a deep network", having(PATCHES, machine=GPU), "backbone", "densenet121"),
        ("weights and processors: the fastest network", having(SCANS, **HAD), "backbone", "mobilenetv2"),
        ("weights and a GPU: a deep network", having(SCANS, machine=GPU, **HAD), "backbone", "densenet121"),
        ("a file of weights decides", having(SCANS, machine=GPU, fits="inceptionv3", **HAD), "backbone", "inceptionv3"),
        ("few images: a larger share judges", having(TISSUE, classes={"benign": 200, "malignant": 200}), "validation", 0.2),
        ("many images: a smaller share judges", PATCHES, "validation", 0.1),
        ("a small network sees no more than 96 pixels", TISSUE, "image_size", 96),
        ("patches of 50 become 64, the next multiple of 32", PATCHES, "image_size", 64),
        ("with weights no image is under 96", having(PATCHES, **HAD), "image_size", 96),
        ("weights of 224 on images of 256", having(SCANS, **HAD), "image_size", 224),
        ("on a GPU up to 320", having(TISSUE, machine=GPU, **HAD), "image_size", 320),
        ("on a GPU no more than there is", having(SCANS, machine=GPU, **HAD), "image_size", 256),
        ("tissue of 700 x 460 is cropped", having(TISSUE, narrow=1.52, wide=1.52), "fit", "crop"),
        ("scans of such a shape are not", having(SCANS, narrow=1.52, wide=1.52), "fit", "stretch"),
        ("upright tissue is cropped, too", having(TISSUE, narrow=0.66, wide=0.66), "fit", "crop"),
        ("a given division is kept", having(TISSUE, given_split=True), "given_split", True),
        ("3.3 times as many of one class: weighted", SCANS, "balance", True),
        ("equal classes: not weighted", TISSUE, "balance", False),
        ("scans are turned a little, never over", SCANS, "augmentation.rotation", 8),
        ("tissue is flipped both ways", TISSUE, "augmentation.flips", "both"),
        ("four views of 1,300 training images", having(TISSUE, **HAD), "views", 4),
        ("two views of 13,000", having(TISSUE, classes={"benign": 10_000, "malignant": 9_999}, **HAD), "views", 2),
        ("one view of 194,266", having(PATCHES, **HAD), "views", 1),
        ("few to train on: half of the 104 layers", having(SCANS, **HAD), "fine_tune_layers", 52),
        ("enough to train on: all", having(TISSUE, **HAD), "fine_tune_layers", 1000),
        ("from scratch nothing is fine-tuned", TISSUE, "fine_tune_epochs", 0),
        ("18 minutes an epoch: twice all the same", having(PATCHES, **HAD), "fine_tune_epochs", 2),
        ("13 seconds an epoch: 15 times", having(SCANS, **HAD), "fine_tune_epochs", 15),
        ("three models of few images", SCANS, "seeds", 3),
        ("one model of many on processors", PATCHES, "seeds", 1),
        ("two on a GPU", having(PATCHES, machine=GPU), "seeds", 2),
        ("the class named like cancer counts", having(TISSUE, classes={"cancer": 9, "ok": 9}), "positive", "cancer"),
        ("a usual name needs no rule", SCANS, "positive", "malignant 1 M"),
    ],
)  # fmt: skip
def test_of_a_data_set_follows_a_setting(words, data, setting, value):
    decided = chosen(data)
    assert (decided.weights if setting == "weights" else decided.recipe.flat()[setting]) == value


def test_images_get_smaller_until_an_epoch_takes_five_minutes():
    """13,000 training images, 33 a second at 224: 394 s; at 192 289 s. With 8 cores 224 is fast enough."""
    data = having(TISSUE, classes={"benign": 10_000, "malignant": 9_999}, **HAD)
    assert chosen(data).recipe.image_size == 192
    assert chosen(having(data, machine=Machine(8, 32))).recipe.image_size == 224


@pytest.mark.parametrize(
    ("memory", "images", "batch"),
    [
        (16, 2000, 32),  # half of 16 GiB / 165 MiB = 49: the most that is wished
        (4, 2000, 8),  # half of 4 GiB / 165 MiB = 12
        (0.4, 2000, 1),  # half of 0.4 GiB / 165 MiB = 1.2
        (16, 200, 8),  # a tenth of 120 training images = 12
        (16, 40, 8),  # never under 8 for want of images
    ],
)
def test_the_batch_fits_in_half_of_the_memory_and_leaves_ten_steps_an_epoch(memory, images, batch):
    data = having(TISSUE, classes={"benign": images // 2, "malignant": images // 2}, machine=Machine(64, memory), **HAD)
    recipe = chosen(data).recipe
    assert (recipe.image_size, recipe.batch_size) == (224, batch)


def test_several_gpus_share_a_batch():
    """380 MiB an image of 224: half of 16 GiB holds 21, four times that 86."""
    few = having(SCANS, classes={"benign": 900, "malignant": 900}, width=224, height=224, **HAD)
    assert [chosen(having(few, machine=Machine(8, 64, gpus, "NVIDIA T4", 16))).recipe.batch_size for gpus in (1, 4)] == [16, 64]


def test_embeddings_stay_in_a_quarter_of_the_memory():
    """13,000 images x 2,048 x 4 bytes = 0.1 GiB a view; a quarter of 0.5 GiB holds one of them."""
    data = having(TISSUE, classes={"benign": 10_000, "malignant": 9_999}, machine=Machine(2, 0.5), **HAD)
    assert chosen(data).recipe.views == 1


def test_what_the_user_sets_is_taken_and_said_and_later_rules_follow():
    decided = chosen(having(SCANS, **HAD), backbone="densenet121", batch_size="4", patience="3", roi_margin="0.3", augmentation__zoom="0.3")
    told = {each.setting: each.reason for each in decided.choices}
    assert told["backbone"] == "set by you; auto would take mobilenetv2"
    assert told["batch_size"] == "set by you; auto would take 16"
    assert told["roi_margin"] == told["augmentation.zoom"] == "set by you"
    assert decided.recipe.fine_tune_layers == NETWORKS["densenet121"].layers // 2
    assert (decided.recipe.augmentation.zoom, decided.recipe.augmentation.rotation, decided.recipe.patience) == (0.3, 8, 3)


def test_the_search_takes_no_batch_that_the_memory_does_not_hold_and_trains_the_second_phase_on_a_gpu_alone():
    slow, fast = chosen(having(SCANS, **HAD)).recipe, chosen(having(SCANS, machine=GPU, **HAD)).recipe
    assert (slow.search.batch_size, slow.search.fine_tune_learning_rate) == ((16, 32), ())
    assert (fast.search.batch_size, fast.search.fine_tune_learning_rate) == ((16, 32), (3e-5, 3e-4))
    assert chosen(TISSUE).recipe.search.batch_size == ()


def test_what_is_averaged_before_the_network_looks_costs_no_memory():
    data = having(TISSUE, machine=Machine(64, 4), **HAD)
    assert [chosen(data, downscale=each).recipe.batch_size for each in ("1", "2")] == [8, 32]


def test_a_backbone_without_published_weights_starts_from_none():
    decided = chosen(having(SCANS, **HAD), backbone="convnet")
    assert (decided.weights, decided.recipe.fine_tune_epochs, decided.recipe.image_size) == ("none", 0, 96)


def test_the_task_can_be_set_and_the_model_and_the_policy_follow():
    decided = chosen(TISSUE, task="cells")
    assert (decided.recipe.model_name, decided.recipe.augmentation.rotation) == ("lobule-cells", 30)


def test_without_a_first_phase_nothing_is_searched():
    assert chosen(having(SCANS, **HAD), epochs="0").recipe.trials == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epohcs": "3"}, "no setting 'epohcs'"),
        ({"name": "mine"}, "--set cannot change 'name'"),
        ({"task": "mammography"}, "task must be one of histology, ultrasound, cells"),
        ({"batch_size": "0"}, "batch_size must be at least 1"),
    ],
)
def test_a_bad_setting_is_refused_before_there_is_data(given, words):
    with pytest.raises(InputError, match=words):
        require_settings(given)


def test_every_choice_is_one_line_and_the_record_keeps_fingerprint_and_reasons():
    decided = chosen(SCANS, epochs="3", trials="2", weights="none")
    assert len(decided.lines) == len(decided.choices) and not any("\n" in line for line in decided.lines)
    record = json.loads(decided.to_json())
    assert record["fingerprint"]["classes"] == {"benign": 350, "malignant": 168, "normal": 106}
    assert {"setting": "task", "value": "ultrasound", "reason": "the layout is that of breast ultrasound with masks"} in record["choices"]
    assert changed_by_user(decided.to_json()) == "epochs=3"


def test_the_rules_of_a_setting_stand_together_and_the_last_one_always_holds_or_the_default_does():
    settings_in_order = [rule.setting for rule in RULES]
    together = [each for place, each in enumerate(settings_in_order) if place == 0 or each != settings_in_order[place - 1]]
    assert len(together) == len(set(together))
    last = {rule.setting: rule.when.words for rule in RULES}
    open_ended = {setting for setting, words in last.items() if words not in ("else", "always")}
    assert open_ended == {"given_split", "folds", "positive"}


def test_names_of_classes_that_say_nothing_was_found_are_not_positive():
    assert positives(["benign_tumor", "non-cancer", "healthy", "IDC positive", "Carcinoma"]) == ("IDC positive", "Carcinoma")


machines = st.builds(
    Machine,
    cores=st.integers(1, 256),
    memory=st.floats(0.25, 4096),
    accelerators=st.integers(0, 8),
    accelerator=st.just("a GPU"),
    accelerator_memory=st.floats(0, 192),
)
fingerprints = st.builds(
    Fingerprint,
    layout=st.sampled_from(["BUSI", "IDC", "BreakHis", "folder per class", "manifest"]),
    classes=st.dictionaries(st.text(min_size=1), st.integers(1, 10**6), min_size=1, max_size=12),
    patients=st.integers(0, 10**5),
    given_split=st.booleans(),
    copies=st.integers(0, 10**6),
    width=st.integers(1, 50_000),
    height=st.integers(1, 50_000),
    narrow=st.floats(0.01, 100),
    wide=st.floats(0.01, 100),
    saturation=st.floats(0, 1),
    machine=machines,
    imagenet=st.booleans(),
    fits=st.sampled_from(["", "mobilenetv2", "efficientnetb0", "densenet121", "densenet201", "inceptionv3"]),
)


@settings(max_examples=300, deadline=None)
@given(fingerprints, st.sampled_from([None, "none", "imagenet"]), st.sampled_from([None, "mobilenetv2", "convnet", "flatcnn"]))
def test_whatever_the_fingerprint_the_recipe_is_valid_and_every_choice_has_its_reason(data, weights, backbone):
    decided = chosen(data, weights, **({"backbone": backbone} if backbone else {}))
    assert Recipe.from_json(decided.recipe.to_json()) == decided.recipe
    assert all(each.reason and "{" not in each.reason.replace(str(each.value), "") for each in decided.choices)
    assert decided.recipe.name == "auto"
