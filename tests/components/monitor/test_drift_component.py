import json

import pytest

from components.domain.candidates import Candidates


@pytest.mark.slow
def test_the_component_runs_as_a_task_and_keeps_the_page_and_numbers_in_the_run(scene, tmp_path, monkeypatch):
    from kfp import dsl, local

    from components.monitor.component import monitor
    from components.tracking.store import connect

    scene.bundle = tmp_path / "candidates" / "seed-1"
    scene.play(darker=0.2)
    Candidates(chosen="seed-1", validation_auc={"seed-0": 0.8, "seed-1": 0.9}).write(tmp_path / "candidates")
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    connect()  # the store is created once, before tasks use it

    @dsl.pipeline
    def watch(log: str, candidates: str) -> str:
        predictions = dsl.importer(artifact_uri=log, artifact_class=dsl.Artifact)
        models = dsl.importer(artifact_uri=candidates, artifact_class=dsl.Model)
        task = monitor(predictions=predictions.output, candidates=models.output, run="night", code="sha256:0", alpha=0.01)
        task.set_caching_options(False)
        return task.outputs["Output"]

    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "out"))
    done = watch(log=str(scene.log), candidates=str(tmp_path / "candidates"))

    import mlflow

    assert done.outputs["Output"] == "drift"
    run = mlflow.search_runs(experiment_names=["lobule"], output_format="list")[0]
    assert run.data.metrics["drift"] == 1.0
    assert [each.path for each in mlflow.MlflowClient().list_artifacts(run.info.run_id)] == ["drift.html"]
    (document,) = (tmp_path / "out").rglob("drift.json")
    assert json.loads(document.read_text())["status"] == "drift"
    assert next((tmp_path / "out").rglob("page")).read_text().count("lobule-histology: drift") == 1
