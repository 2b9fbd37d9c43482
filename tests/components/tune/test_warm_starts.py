"""A study begins with what earlier studies of the same data found, and with nothing else."""

import optuna
import pytest

from components.domain.search_space import Range
from components.tune import storage as storages
from components.tune.plots import write_plots
from components.tune.tickets import again
from components.tune.warm import earlier_settings

SPACE = {"dropout": Range(0.0, 0.5), "batch_size": (16, 32)}
FLOATS = optuna.distributions.FloatDistribution(0.0, 1.0)
SIZES = optuna.distributions.CategoricalDistribution((16, 32, 64))


@pytest.fixture
def storage(tmp_path):
    return storages.open_storage(f"sqlite:///{tmp_path}/optuna.db", on_death=again)


def earlier(storage, name, *trials, kin="data-1"):
    study = storages.create_study(name, storage)
    earlier_settings(study, storage, kin=kin, space=SPACE, trials=9)
    for value, dropout, size in trials:
        params = {"dropout": dropout, "batch_size": size}
        study.add_trial(optuna.trial.create_trial(value=value, params=params, distributions={"dropout": FLOATS, "batch_size": SIZES}))
    return study


def begun(storage, *, trials=9, space=SPACE, kin="data-1"):
    return earlier_settings(storages.create_study("new", storage), storage, kin=kin, space=space, trials=trials)


def test_the_best_settings_of_the_best_studies_come_first_and_equal_ones_once(storage):
    earlier(storage, "a", (0.7, 0.1, 16), (0.8, 0.2, 32))
    earlier(storage, "b", (0.9, 0.3, 16))
    earlier(storage, "c", (0.85, 0.3, 16))
    earlier(storage, "d", (0.6, 0.4, 16))
    assert begun(storage) == [{"dropout": 0.3, "batch_size": 16}, {"dropout": 0.2, "batch_size": 32}]


@pytest.mark.parametrize(("trials", "taken"), [(1, 0), (2, 0), (3, 1), (5, 2), (50, 2)])
def test_most_trials_are_left_to_the_sampler(storage, trials, taken):
    for number in range(3):
        earlier(storage, f"s{number}", (0.9, number / 10, 16))
    assert len(begun(storage, trials=trials)) == taken


def test_other_data_other_spaces_and_studies_without_a_result_are_passed_over(storage):
    earlier(storage, "other data", (0.9, 0.1, 16), kin="data-2")
    earlier(storage, "no result")
    earlier(storage, "out of range", (0.9, 0.8, 16))
    earlier(storage, "no choice of ours", (0.9, 0.1, 64))
    assert begun(storage) == []
    earlier(storage, "fits", (0.9, 0.1, 16))
    assert begun(storage, space={"dropout": SPACE["dropout"]}) == []  # it varied more than we do
    assert len(begun(storage)) == 1


def test_the_plots_of_a_study_are_history_importance_slices_and_parallel_coordinates(storage, tmp_path):
    study = earlier(storage, "a", (0.7, 0.1, 16), (0.8, 0.2, 32), (0.75, 0.3, 16))
    names = [path.name for path in write_plots(study, tmp_path)]
    assert sorted(names) == ["study_history.png", "study_importance.png", "study_parallel.png", "study_slices.png"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in names)


def test_equal_values_have_no_importance_and_one_trial_has_its_history_alone(storage, tmp_path):
    one = earlier(storage, "one", (0.7, 0.1, 16))
    assert [path.name for path in write_plots(one, tmp_path)] == ["study_history.png"]
    equal = earlier(storage, "equal", (0.7, 0.1, 16), (0.7, 0.2, 16))
    assert "study_importance.png" not in [path.name for path in write_plots(equal, tmp_path)]
