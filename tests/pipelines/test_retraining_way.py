"""From an alarm to a challenger: a real service and its log, a real registry, a real training, the gate."""

import csv
import importlib.util
import json
import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest

from components.domain import presets
from components.domain.names import CHAMPION, TAG_BUNDLE
from components.tracking.retrainings import read_retrainings
from components.tracking.store import connect
from pipelines.compile import compile_monitoring
from pipelines.monitoring import Log
from pipelines.placement import Placement
from serving.contract import tree_digest

pytestmark = pytest.mark.slow
NAME = "lobule-histology"
ROOT = Path(__file__).parents[1]
SMALL = {"trials": "1", "seeds": "1", "epochs": "2", "trial_epochs": "1", "image_size": "32"}


def load(path: str):
    spec = importlib.util.spec_from_file_location(f"for_retraining_{Path(path).stem}", ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def at_home(home: Path, **settings: str):
    patch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith(("LOBULE_", "MLFLOW_TRACKING", "MLFLOW_REGISTRY"))]:
        patch.delenv(name)
    for name, value in {"LOBULE_HOME": str(home), **settings}.items():
        patch.setenv(name, value)
    try:
        yield
    finally:
        patch.undo()


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    """A champion that was registered with its recipe and its evaluation, its service, and 60 images unlike its reference."""
    tiny, registered, evidence = (
        load(f"{name}.py") for name in ("serving/tiny_bundle", "serving/registered", "components/promote/evidence")
    )
    service = load("serving/service_process.py")
    home = tmp_path_factory.mktemp("retraining") / "home"
    bundle = tiny.write_bundle(home.parent / "bundle", name=NAME)
    with at_home(home):
        connect()
        report, predictions = evidence.model()
        kept = evidence.write(home.parent / "report", replace(report, bundle=tree_digest(bundle)), predictions)
        (kept / "recipe.json").write_text(presets.load("quickstart").override(SMALL).to_json())
        version = registered.register(bundle, NAME)
        client = mlflow.MlflowClient()
        mlflow.log_artifacts(str(kept), run_id=client.get_model_version(NAME, version).run_id)
        client.set_model_version_tag(NAME, version, TAG_BUNDLE, tree_digest(bundle))
        client.set_registered_model_alias(NAME, CHAMPION, version)
    random, answered = np.random.default_rng(0), []
    with service.running_service(home, LOBULE_BUNDLE=str(bundle)) as running:
        for _ in range(60):
            image = tiny.encode(tiny.plain(*random.integers(0, 120, 2), int(random.integers(150, 255))))
            answered.append(service.web.post(f"{running.url}/predict?image=false", files={"image": image}).json())
    yield home, answered
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


def labels(path: Path, answered, label) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("request_id", "label"), *((each["request_id"], label(each)) for each in answered)])
    return path


def test_labels_show_a_performance_below_the_policy_and_the_command_is_told(way, shell_at, tmp_path):
    home, answered = way
    assert len({each["class_name"] for each in answered}) == 2
    other = {"benign": "malignant", "malignant": "benign"}
    truth = labels(tmp_path / "truth.csv", answered, lambda each: other[each["class_name"]])
    alarm = tmp_path / "alarm.json"
    done = shell_at(home)("monitor", "--no-html", "--json", "--labels", truth, "--on-alarm", f"tee '{alarm}'")
    assert done.returncode == 4, done.stderr
    document = json.loads(done.stdout)
    assert document["performance"]["metrics"]["accuracy"]["value"] == 0.0
    assert document["performance"]["test"]["accuracy"]["value"] == 1.0
    assert document["estimate"]["test_images"] == 200
    assert "sensitivity is 0.000" in " ".join(json.loads(alarm.read_text())["below_policy"])
    with at_home(home):
        connect()
        version = mlflow.MlflowClient().get_model_version_by_alias(NAME, CHAMPION)
        assert mlflow.get_run(version.tags["lobule.monitor"]).data.metrics["labelled_accuracy"] == 0.0


def test_a_training_that_fails_is_told_and_still_cools_down(way, shell_at, tmp_path):
    home, _ = way
    one = tmp_path / "one" / "benign"
    one.mkdir(parents=True)
    (one / "a.png").write_bytes(b"no image")
    shell = shell_at(home)
    done = shell("monitor", "--no-html", "--retrain", "--data", one.parent)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "retraining: run quickstart-" in done.stdout
    with at_home(home):
        connect()
        (claimed,) = read_retrainings(NAME)
        run = mlflow.search_runs(["1"], filter_string=f"tags.`lobule.run` = '{claimed.run}'", output_format="list")[0]
    assert claimed.state.startswith("failed: ")
    assert run.data.tags["lobule.retrains"] == f"{NAME}/1"
    assert run.data.tags["lobule.retrains.reason"].startswith("drift in ")
    again = shell("monitor", "--no-html", "--retrain", "--data", one.parent)
    assert again.returncode == 4
    assert f"retraining: none: {NAME} is retrained at most once in 7 days, but run {claimed.run} began" in again.stdout
    assert shell("monitor", "--no-html", "--retrain").returncode == 2


@pytest.fixture(scope="module")
def run_pipeline(way, tmp_path_factory):
    """Runs the compiled monitoring pipeline on this machine; returns the verdict and the folder of its tasks."""
    from kfp import components, local

    path = tmp_path_factory.mktemp("compiled") / "monitoring.yaml"
    compile_monitoring(path, Placement(retries=0, gpus=0, pod=None), parameters={"model": NAME}, log=Log())

    def run(out: Path, **arguments):
        with at_home(way[0], MLFLOW_DISABLE_TELEMETRY="true", BENTOML_DO_NOT_TRACK="True", DO_NOT_TRACK="1"):
            local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(out))
            components.load_component_from_file(str(path))(**arguments)
        (verdict,) = {file.read_text() for file in out.rglob("monitor/drift/drift.json")}
        return json.loads(verdict)["status"]

    return run


def test_the_pipeline_stops_at_the_cool_down_and_says_so(way, run_pipeline, sample, tmp_path):
    assert run_pipeline(tmp_path / "out", source=str(sample)) == "drift"
    (decision,) = (tmp_path / "out").rglob("decision")
    assert "at most once in 7 days" in decision.read_text()
    assert not list((tmp_path / "out").rglob("ingest"))


def test_the_pipeline_trains_a_challenger_and_the_gate_keeps_the_champion(way, run_pipeline, sample, tmp_path):
    assert run_pipeline(tmp_path / "out", source=str(sample), cool_down_hours=0.0, apply=True) == "drift"
    with at_home(way[0]):
        connect()
        client = mlflow.MlflowClient()
        last = read_retrainings(NAME)[-1]
        assert (last.of, last.state) == ("1", "version 2: the gate says cannot tell; the champion stays")
        assert str(client.get_model_version_by_alias(NAME, CHAMPION).version) == "1"
        assert str(client.get_model_version_by_alias(NAME, "challenger").version) == "2"
        trained = mlflow.get_run(client.get_model_version(NAME, "2").run_id)
        assert trained.data.tags["lobule.retrains"] == f"{NAME}/1"
        assert trained.data.tags["lobule.retrains.outcome"] == last.state
        assert trained.data.params["epochs"] == "2"
