"""The component's body with real KFP artifacts and a real MLflow store."""

import json
import logging

import mlflow
import pytest
from kfp import dsl

from components.domain.names import EXPERIMENT, TAG_KIND, TAG_RUN
from components.evaluate.component import evaluate


@pytest.fixture(autouse=True)
def steps_log():
    """A task's process sets up its own log; other tests' must stay as it was."""
    logger = logging.getLogger("components")
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = handlers, level, propagate


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    yield
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


def outputs(tmp_path):
    (tmp_path / "task").mkdir()
    kinds = {"report": dsl.Metrics, "curves": dsl.ClassificationMetrics, "page": dsl.HTML, "summary": dsl.Markdown}
    return {name: kind(name=name, uri=str(tmp_path / "task" / name), metadata={}) for name, kind in kinds.items()}


def test_a_task_leaves_report_page_metrics_and_a_run(dataset, write_candidates, tmp_path, store):
    made = outputs(tmp_path)
    candidates = dsl.Model(name="candidates", uri=str(write_candidates(dataset)), metadata={})
    given = {"candidates": candidates, "dataset": dsl.Dataset(name="dataset", uri=str(dataset), metadata={}), "run": "run-1", "code": "x"}
    for _ in range(2):  # a retried task does it again in the same place
        auc = evaluate.python_func(**given, **made)
    assert type(auc) is float and auc == pytest.approx(63 / 64)
    assert (tmp_path / "task" / "page").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "It finds 7 of 8 malignant images" in (tmp_path / "task" / "summary").read_text(encoding="utf-8")
    assert (tmp_path / "task" / "report" / "report.json").is_file()
    text = json.dumps([made["report"].metadata, made["curves"].metadata], allow_nan=False)
    assert json.loads(text)[0]["sensitivity"] == 7 / 8
    [run] = mlflow.search_runs(experiment_names=[EXPERIMENT], output_format="list")
    assert (run.data.tags[TAG_RUN], run.data.tags[TAG_KIND], run.info.status) == ("run-1", "run", "FINISHED")
    assert run.data.metrics["test/auc"] == pytest.approx(63 / 64)
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "test corrupted/noise auc_positive")
    assert [each.step for each in history][:4] == [0, 1, 3, 5]
    assert {"report.json", "predictions.parquet", "roc.png", "report.html"} <= {
        file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)
    }


def test_a_refused_task_ends_with_exit_code_three(dataset, write_candidates, tmp_path, store):
    candidates = write_candidates(dataset, dataset="sha256:" + "9" * 64)
    with pytest.raises(SystemExit) as end:
        evaluate.python_func(
            candidates=dsl.Model(name="c", uri=str(candidates), metadata={}),
            dataset=dsl.Dataset(name="d", uri=str(dataset), metadata={}),
            run="run-2",
            code="x",
            **outputs(tmp_path),
        )
    assert end.value.code == 3
