"""Pipeline runs in MLflow: found by name, nested, and ended truthfully. A real store on SQLite."""

import mlflow
import pytest

from components.domain.errors import InputError
from components.tracking.close import close_run
from components.tracking.mlflow_tracker import open_run
from components.tracking.store import connect, require_server


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID", "_MLFLOW_SERVER_ARTIFACT_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "it's a home"))
    yield
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


def status(run_id):
    return mlflow.get_run(run_id).info.status


def test_every_step_finds_the_run_by_its_name():
    with open_run("r-1") as first:
        first.metrics({"auc": 0.5})
    with open_run("r-1") as second, open_run_in_parallel(second):
        assert second.run_id == first.run_id


def open_run_in_parallel(tracker):
    return tracker.child("trial-0")


def test_a_failing_step_leaves_its_run_and_its_children_failed():
    with pytest.raises(ValueError, match="broken"), open_run("r-1") as run, run.child("trial-0") as trial:
        raise ValueError("broken")
    assert (status(run.run_id), status(trial.run_id)) == ("FAILED", "FAILED")


def test_a_pipeline_that_ended_between_two_steps_does_not_stay_finished():
    with open_run("r-1") as run, run.child("trial-0") as trial:
        pass
    assert close_run("r-1", "KILLED") == 1
    assert (status(run.run_id), status(trial.run_id)) == ("KILLED", "FINISHED")


def test_a_setting_is_written_once_and_a_resumed_step_may_write_it_again():
    with open_run("r-1") as run:
        run.params({"epochs": 3})
        run.params({"epochs": 3, "batch_size": 8})
    assert mlflow.get_run(run.run_id).data.params == {"epochs": "3", "batch_size": "8"}


def test_a_run_around_ours_becomes_its_parent(monkeypatch):
    connect()
    with mlflow.start_run() as outer:
        pass
    monkeypatch.setenv("MLFLOW_RUN_ID", outer.info.run_id)
    with open_run("r-1") as run:
        pass
    assert run.run_id != outer.info.run_id
    assert mlflow.get_run(run.run_id).data.tags["mlflow.parentRunId"] == outer.info.run_id


def test_a_stray_run_id_is_passed_over(monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    with open_run("r-1") as run:
        pass
    assert status(run.run_id) == "FINISHED"


def test_a_server_that_does_not_answer_is_told_at_once():
    with pytest.raises(InputError, match="must be a server that answers"):
        require_server("http://127.0.0.1:1")
