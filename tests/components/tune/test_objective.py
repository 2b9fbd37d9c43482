"""What a trial trains: one phase on cached embeddings, or both where it varies the second; judged by one split or by folds."""

import keras
import numpy as np
import pytest

from components.domain.artifacts import read_dataset
from components.domain.tracking import NoTracker
from components.learning.phases import Embeddings, Examples
from components.tune.folds import FOLDS, embeddings_of, examples_of, folds_of
from components.tune.objective import Objective, explain, for_trial
from components.tune.tickets import failed, finished, reason


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "some.weights.h5"
    keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
    return str(path)


@pytest.fixture
def data(tiny_training_set, tiny_recipe):
    dataset = read_dataset(tiny_training_set)
    return dataset, Examples.of(dataset, tiny_recipe)


def test_settings_that_cannot_work_fail_with_their_reason_and_the_others_finish(orders_for, searched, tmp_path):
    orders = orders_for(trials=3, search__backbone='["inceptionv3"]', search__batch_size="[4]", search__optimizer='["adam"]')
    study, (best, _) = searched(orders, tmp_path / "study")
    assert len(finished(study)) == 3
    assert {trial.params["backbone"] for trial in finished(study)} == {"convnet"}
    assert {trial.params["backbone"] for trial in failed(study)} == {"inceptionv3"}
    assert {reason(trial) for trial in failed(study)} == {"image_size must be at least 75 for inceptionv3, but got 32; raise it"}
    assert best.backbone == "convnet"
    assert (tmp_path / "study" / "trials.json").read_text().count("image_size must be at least 75") == len(failed(study)) > 0


def test_only_a_trial_that_varies_the_second_phase_trains_it(tiny_recipe):
    recipe = tiny_recipe.override({"fine_tune_epochs": "8", "trial_epochs": "12"})
    assert (for_trial(recipe, second=False).epochs, for_trial(recipe, second=False).fine_tune_epochs) == (12, 0)
    assert for_trial(recipe, second=True).fine_tune_epochs == 3
    assert for_trial(recipe.override({"fine_tune_epochs": "1"}), second=True).fine_tune_epochs == 1


@pytest.mark.slow
def test_trials_of_a_frozen_backbone_are_judged_by_folds_and_those_of_the_second_phase_by_the_split(
    orders_for, tiny_training_set, weights, tmp_path
):
    from dataclasses import replace

    from components.tune.tickets import take
    from components.tune.tune import create

    settings = {"backbone": "mobilenetv2", "trial_epochs": 2, "fine_tune_epochs": 4, "views": 2, "trials": 1}
    for name, search, steps in (("head", {}, FOLDS * 2), ("both", {"search__fine_tune_layers": "[5, 20]"}, 4)):
        orders = replace(orders_for(name=name, **settings, **search), weights=weights)
        study = create(orders)
        objective = Objective(orders.recipe, read_dataset(tiny_training_set), weights, NoTracker(), None)
        ticket = take(study, study._storage._backend)
        assert 0 <= objective(ticket) <= 1
        assert sorted(study.get_trials()[0].intermediate_values) == list(range(steps))
        assert len(objective.kept) == 1
        first, again = (objective._network(orders.recipe) for _ in range(2))
        assert (first.backbone is again.backbone) == (name == "head")  # a trained one serves no other trial
        for one, other in zip(first.head.get_weights(), again.head.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_small_data_is_cross_validated_by_group_and_each_image_is_judged_once(data):
    dataset, examples = data
    folds = folds_of(dataset, examples, embedded=True, seed=0)
    count = len(examples.train) + len(examples.validation)
    assert sorted(np.concatenate([fold.validation for fold in folds])) == list(range(count))
    groups = np.array(dataset.column("group"))
    for fold in folds:
        part = examples_of(fold, examples)
        assert not set(groups[part.train]) & set(groups[part.validation])
        assert set(part.validation_targets) == {0, 1}
    assert not {row for fold in folds for row in examples_of(fold, examples).train} & set(dataset.rows("test"))


def test_training_from_pixels_is_judged_by_the_validation_split(data):
    dataset, examples = data
    (fold,) = folds_of(dataset, examples, embedded=False, seed=0)
    part = examples_of(fold, examples)
    assert part.train.tolist() == examples.train.tolist()
    assert part.validation.tolist() == examples.validation.tolist()


def test_a_fold_takes_every_view_of_its_training_images_and_the_plain_one_of_those_that_judge(data):
    dataset, examples = data
    count = len(examples.train)
    train = np.arange(2 * count, dtype=np.float32)[:, None]  # the second view of image i is count + i
    validation = 1000 + np.arange(len(examples.validation), dtype=np.float32)[:, None]
    fold = folds_of(dataset, examples, embedded=True, seed=0)[0]
    found = embeddings_of(fold, Embeddings(train, validation), count)
    own = fold.train[fold.train < count]
    assert set(own) | set(count + own) <= set(found.train[:, 0])
    assert len(found.train) == 2 * len(fold.train)
    assert found.validation[:, 0].tolist() == [place if place < count else 1000 + place - count for place in fold.validation]


def test_memory_that_ran_out_is_called_so():
    assert explain(MemoryError()) == "out of memory (MemoryError)"
    assert explain(RuntimeError("RESOURCE_EXHAUSTED: 3 GiB")) == "out of memory: RESOURCE_EXHAUSTED: 3 GiB (RuntimeError)"
