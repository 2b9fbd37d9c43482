"""Pipeline runs in MLflow: found by name, nested, and ended truthfully. A real store on SQLite."""

import mlflow
import pytest

from components.domain.errors import InputError
from components.domain.names import TAG_FAILURE
from components.domain.settings import tracking_uri
from components.tracking.close import close_job, close_run
from components.tracking.failure import record_failure
from components.tracking.mlflow_tracker import open_run
from components.tracking.store import connect, require_server


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID", "KFP_RUN_ID", "_MLFLOW_SERVER_ARTIFACT_ROOT"):
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


def test_why_a_run_failed_stays_until_it_goes_on():
    with open_run("r-1") as run:
        pass
    close_run("r-1", "FAILED", "there is no space left; free some")
    assert mlflow.get_run(run.run_id).data.tags[TAG_FAILURE] == "there is no space left; free some"
    with open_run("r-1"):
        pass
    assert TAG_FAILURE not in mlflow.get_run(run.run_id).data.tags


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


def test_the_run_of_a_whole_pipeline_lies_beside_the_runs_that_kfp_opens_for_its_tasks(monkeypatch):
    connect()
    with mlflow.start_run() as whole, mlflow.start_run(nested=True, parent_run_id=whole.info.run_id) as task:
        pass
    monkeypatch.setenv("MLFLOW_RUN_ID", task.info.run_id)
    with open_run("r-1") as run, run.child("trial-0") as trial:
        pass
    assert mlflow.get_run(run.run_id).data.tags["mlflow.parentRunId"] == whole.info.run_id
    assert mlflow.get_run(trial.run_id).data.tags["mlflow.parentRunId"] == run.run_id


@pytest.fixture
def on_a_cluster(monkeypatch):
    monkeypatch.setenv("KFP_RUN_ID", "job-1")
    with open_run("r-1") as run, run.child("trial-0"):
        pass
    return run.run_id


@pytest.mark.parametrize(
    ("state", "expected"), [("SUCCEEDED", "FINISHED"), ("FAILED", "FAILED"), ("CANCELLED", "KILLED"), ("SOMETHING_NEW", "FAILED")]
)
def test_a_run_on_a_cluster_ends_as_its_pipeline_did(on_a_cluster, state, expected):
    said = close_job(state, "exit-handler-1: Task failed")
    assert status(on_a_cluster) == expected
    assert said == f"{state.lower()}: r-1 is {expected} in MLflow"


def test_the_failed_step_tells_why_and_kfp_only_where_no_step_could(on_a_cluster):
    close_job("FAILED", "exit-handler-1: OOMKilled")
    assert mlflow.get_run(on_a_cluster).data.tags[TAG_FAILURE] == "exit-handler-1: OOMKilled"
    record_failure("ingest", "refused: the test split leaks from http://me:secret@host/x")
    close_job("FAILED", "exit-handler-1: Task failed")
    assert mlflow.get_run(on_a_cluster).data.tags[TAG_FAILURE] == "ingest: refused: the test split leaks from http://host/x"


def test_what_a_second_try_mended_is_no_failure(on_a_cluster):
    record_failure("train", "defect: ConnectionError")
    close_job("SUCCEEDED", "")
    assert TAG_FAILURE not in mlflow.get_run(on_a_cluster).data.tags


def test_a_job_that_left_no_run_is_said(on_a_cluster, monkeypatch):
    monkeypatch.setenv("KFP_RUN_ID", "job-2")
    record_failure("gather", "error: nothing there")
    assert close_job("FAILED", "") == "failed: it left no run in MLflow"
    monkeypatch.delenv("KFP_RUN_ID")
    assert close_job("FAILED", "") == "failed: it left no run in MLflow"
    assert status(on_a_cluster) == "FINISHED"


def test_a_task_on_a_cluster_refuses_a_store_that_would_go_with_its_pod(monkeypatch):
    monkeypatch.setenv("LOBULE_EMBEDDED_STORES", "refused")
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI is not set; submit or compile again with --mlflow URL"):
        tracking_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert tracking_uri() == "http://mlflow:5000"


def test_a_stray_run_id_is_passed_over(monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    with open_run("r-1") as run:
        pass
    assert status(run.run_id) == "FINISHED"


def test_a_server_that_does_not_answer_is_told_at_once():
    with pytest.raises(InputError, match="must be a server that answers"):
        require_server("http://127.0.0.1:1")
