"""The very YAML that a cluster is given, run on this machine: the run is opened, nested, filled, closed, and its failure told.

What a pod would have is here in the tasks' environment, which `--env` sets; secrets, volumes and nodes KFP's local runner passes over.
"""

import json
import os

import mlflow
import pytest
from kfp import components, local

from components.domain.names import TAG_FAILURE, TAG_JOB, TAG_RUN
from components.tracking.store import connect
from pipelines.cli.main import invoke
from pipelines.cluster_environment import ADDRESSES

pytestmark = pytest.mark.slow
CHEAP = ("--workers", "2", "--trials", "2", "--seeds", "1", "--set", "epochs=2", "--set", "trial_epochs=1", "--set", "image_size=32")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Compiles for a cluster whose tasks all see one store, and runs it; returns the MLflow run of the job."""
    folder = tmp_path_factory.mktemp("cluster")
    store, studies, home = f"sqlite:///{folder}/mlflow.db", f"sqlite:///{folder}/optuna.db", folder / "home"
    patch = pytest.MonkeyPatch()
    for name in [*ADDRESSES, *(name for name in os.environ if name.startswith(("LOBULE_", "MLFLOW_")))]:
        patch.delenv(name, raising=False)
    patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    patch.setenv("LOBULE_HOME", str(home))
    patch.setenv("MLFLOW_TRACKING_URI", store)
    connect()
    with mlflow.start_run(run_name="of Kubeflow Pipelines") as around:
        pass

    def run(job: str, **arguments: object) -> mlflow.entities.Run:
        seen = {
            "LOBULE_HOME": home,
            "HOME": home,
            "MLFLOW_TRACKING_URI": store,
            "LOBULE_OPTUNA_STORAGE": studies,
            "KFP_RUN_ID": job,
            "MLFLOW_RUN_ID": around.info.run_id,
        }
        given = [word for name, value in seen.items() for word in ("--env", f"{name}={value}")]
        path = folder / f"{job}.yaml"
        assert invoke(["compile", *CHEAP, *given, "--retries", "0", "--volume", "team", "--secret", "lobule", "-o", str(path)]) == 0
        local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(folder / "out"))
        try:
            components.load_component_from_file(str(path))(**arguments)
        except RuntimeError as error:
            assert "finished with status" in str(error)
        (found,) = mlflow.search_runs(
            ["1"], filter_string=f"tags.`{TAG_JOB}` = '{job}' and tags.`lobule.kind` = 'run'", output_format="list"
        )
        return found

    yield run, around.info.run_id
    patch.undo()
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


def test_a_step_that_fails_leaves_its_reason_on_the_run_that_is_closed_as_failed(cluster, tmp_path):
    run, around = cluster
    (tmp_path / "one" / "benign").mkdir(parents=True)
    (tmp_path / "one" / "benign" / "a.png").write_bytes(b"no image")
    failed = run("job-1", source=str(tmp_path / "one"))
    assert failed.info.status == "FAILED"
    assert (failed.data.tags[TAG_RUN], failed.data.tags["mlflow.parentRunId"]) == ("quickstart-job-1", around)
    assert failed.data.tags[TAG_FAILURE].startswith("ingest: error: ")


def test_the_whole_pipeline_ends_with_a_registered_version_in_a_finished_run(cluster, sample):
    run, around = cluster
    done = run("job-2", source=str(sample), run="by-name")
    assert (done.info.status, done.data.tags[TAG_RUN], done.data.tags["mlflow.parentRunId"]) == ("FINISHED", "by-name", around)
    assert TAG_FAILURE not in done.data.tags
    tried = mlflow.search_runs(["1"], filter_string=f"tags.`mlflow.parentRunId` = '{done.info.run_id}'", output_format="list")
    assert sorted(each.info.run_name for each in tried) == ["seed-0", "trial-0", "trial-1"]
    version = mlflow.MlflowClient().get_model_version_by_alias("lobule-histology", "challenger")
    assert version.run_id == done.info.run_id
    assert json.loads(mlflow.artifacts.load_text(f"runs:/{done.info.run_id}/report.json"))["images"] > 0
