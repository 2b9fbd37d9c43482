"""Real worker processes on a real database: one is killed in the middle of a trial, and nothing is lost or counted twice."""

import importlib.util
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import mlflow
import psutil
import pytest
from optuna.trial import TrialState

from components.domain.study import read_best, read_values
from components.tracking.mlflow_tracker import open_run
from components.tune import storage as storages
from components.tune.tickets import WORKER, again, finished
from components.tune.tune import tune

pytestmark = pytest.mark.slow
EPOCHS, TRIALS = 12, 3
spec = importlib.util.spec_from_file_location("servers_of_study", Path(__file__).parents[2] / "mlflow" / "servers.py")
servers = importlib.util.module_from_spec(spec)
sys.modules["servers_of_study"] = servers
spec.loader.exec_module(servers)


def workers():
    return [child for child in psutil.Process().children() if "components.tune.worker" in child.cmdline()]


def kill_one_in_a_trial(study, over):
    """Kill a worker with SIGKILL as soon as its trial has told its second epoch."""
    while not over.wait(0.01):
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if len(trial.intermediate_values) >= 2:
                host, _, process = trial.user_attrs[WORKER].rpartition(":")
                assert host == socket.gethostname()
                os.kill(int(process), signal.SIGKILL)
                return
    raise AssertionError("the study ended before a worker was killed")


def check(orders, output):
    study = storages.load_study(orders.name, storages.open_storage(orders.storage, on_death=again))
    trials = study.get_trials()
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    (dead,) = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert len(finished(study)) == len(complete) == TRIALS
    assert len(trials) == TRIALS + 1  # no overshoot: the fourth is the killed one's second attempt
    (second,) = [trial for trial in complete if trial.system_attrs.get("failed_trial") == dead.number]
    assert second.params == dead.params
    assert all(sorted(trial.intermediate_values) == list(range(EPOCHS)) for trial in complete)
    for epoch, value in dead.intermediate_values.items():
        assert second.intermediate_values[epoch] == value  # what was trained is kept, not trained again
    assert len(read_values(output)) == TRIALS
    assert read_best(output).learning_rate == study.best_params["learning_rate"]
    children = mlflow.search_runs(["1"], filter_string=f"tags.`mlflow.parentRunId` = '{orders.run_id}'", output_format="list")
    assert sorted(child.info.run_name for child in children) == ["trial-0", "trial-1", "trial-2"]
    assert {child.info.status for child in children} == {"FINISHED"}
    for child in children:
        told = [each.step for each in mlflow.MlflowClient().get_metric_history(child.info.run_id, "val_auc")]
        assert told == list(range(EPOCHS))  # each epoch once


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("_MLFLOW_SERVER_ARTIFACT_ROOT", raising=False)
    yield
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


@pytest.fixture
def storage(tmp_path):
    """A real PostgreSQL; SQLite where none is installed."""
    if servers.postgres_programs() is None:
        yield f"sqlite:///{tmp_path}/optuna.db"
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with servers.running_postgres(port) as address:
        yield address


def test_a_study_of_two_workers_outlives_a_killed_one(at_home, storage, orders_for, tmp_path, capfd):
    orders = replace(orders_for(trials=TRIALS, trial_epochs=EPOCHS, patience=0, storage=storage), workers=2)
    study, over = storages.create_study(orders.name, storages.open_storage(storage, on_death=again)), Event()
    with open_run(orders.name) as tracker, ThreadPoolExecutor(1) as pool:
        orders = replace(orders, run_id=tracker.run_id)
        killed = pool.submit(kill_one_in_a_trial, study, over)
        try:
            tune(orders, tmp_path / "study", tracker=tracker)
        finally:
            over.set()
        killed.result()
    assert workers() == []
    said = capfd.readouterr().err
    assert "going on after epoch" in said
    assert f"trial {TRIALS}/{TRIALS} complete" in said
    check(orders, tmp_path / "study")
