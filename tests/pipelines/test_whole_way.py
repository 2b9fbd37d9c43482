"""The whole way once, as a user goes it: run, interrupt, resume, look into MLflow, promote, predict, package, monitor."""

import base64
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import psutil
import pytest

from pipelines.steps import STEPS

pytestmark = pytest.mark.slow
SMALL = ("--weights", "none", "--trials", "2", "--seeds", "2", "--set", "epochs=5", "--set", "trial_epochs=2", "--set", "image_size=32")
"""Settings that make a run short while every step still does its work."""


def processes_of(home: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LOBULE_HOME") == str(home):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def way(sample, shell_at, tmp_path_factory):
    """A run that was interrupted while tuning and then resumed: what each of the two processes said."""
    shell = shell_at(tmp_path_factory.mktemp("way") / "home")
    first = shell.start("run", "--data", sample, *SMALL)
    told = []
    for line in first.stderr:
        told.append(line)
        if re.search(r"3/10 tune +trial 1/2", line):
            break
    began = time.monotonic()
    first.send_signal(signal.SIGTERM)
    first.wait(30)
    ended = time.monotonic() - began
    told += first.stderr.readlines()
    left = processes_of(shell.home)
    shell.look_into()
    running = [run.info.run_name for run in mlflow.search_runs(["1"], output_format="list") if run.info.status == "RUNNING"]
    name = re.search(r"lobule run --resume (\S+)", told[-1])[1]
    second = shell("run", "--resume", name)
    return {"shell": shell, "name": name, "first": first, "told": told, "ended": ended, "left": left, "running": running, "second": second}


@pytest.fixture
def run(way):
    way["shell"].look_into()
    return mlflow.search_runs(["1"], filter_string="tags.`lobule.kind` = 'run'", output_format="list")[0]


def test_sigterm_ends_a_run_and_all_its_processes_within_seconds(way):
    assert way["first"].returncode == 130
    assert way["ended"] < 10
    assert way["left"] == []


def test_an_interrupted_run_leaves_nothing_marked_running_and_says_how_to_resume(way):
    assert way["running"] == []
    assert way["told"][-1].startswith("lobule: interrupted; finished steps are kept: lobule run --resume ")


def test_a_resumed_run_keeps_finished_steps_and_trials_and_comes_to_its_end(way):
    assert way["second"].returncode == 0, way["second"].stderr
    assert re.findall(r"/10 (\w+) +kept from before", way["second"].stderr) == ["ingest", "augment"]
    assert "continuing a study with 1 of 2 trials finished" in way["second"].stderr
    assert not Path(way["shell"].home.parent, "mlflow.db").exists()


def test_what_was_chosen_is_said_at_the_start_kept_and_not_chosen_again(way, run):
    assert way["name"].startswith("auto-")
    said = "".join(way["told"])
    assert re.search(r"recipe auto, chosen for \d+ images .*; \d+ cores?, \d+ GiB", said)
    assert re.search(r"\n  image_size +32 +set by you; auto would take 96\n", said)
    assert re.search(r"\n  task +histology +stained: median saturation 0\.\d\d of \d+ images\n", said)
    assert "chosen for" not in way["second"].stderr
    kept = json.loads(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/choices.json"))
    assert {"setting": "weights", "value": "none", "reason": "set by you"} in kept["choices"]
    assert kept["fingerprint"]["layout"] == "folder per class, patient in the name"
    assert run.data.tags["lobule.settings"] == "epochs=5 image_size=32"


def test_the_summary_names_what_was_made_and_three_next_commands(way):
    said = way["second"].stdout
    assert re.search(r"test AUC +0\.\d{3} \[0\.\d{3}, [01]\.\d{3}\]", said)
    for label in ("packaged service", "drift report", "evaluation"):
        path = Path(re.search(rf"{label} +(\S+)", said)[1])
        assert path.exists()
    assert said[said.index("\nNext") :].count("lobule ") == 3


def test_mlflow_shows_the_run_with_settings_curves_metrics_data_and_code(run):
    assert run.info.status == "FINISHED"
    assert run.data.params["augmentation"].startswith("flips=both ")
    assert {"test/auc", "test interval/auc_low", "test interval/auc_high", "test/sensitivity", "best_trial_val_auc"} <= set(
        run.data.metrics
    )
    client = mlflow.MlflowClient()
    assert len(client.get_metric_history(run.info.run_id, "val_auc")) >= 2
    assert run.data.tags["mlflow.source.git.commit"]
    assert run.data.tags["lobule.leaking"] == "false"
    (data,) = run.inputs.dataset_inputs
    assert run.data.tags["lobule.dataset"].removeprefix("sha256:").startswith(data.dataset.digest)


def test_plots_recipe_report_and_certificate_lie_at_the_root_where_the_compare_page_finds_them(run):
    files = {item.path for item in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    expected = {"confusion_matrix.png", "roc.png", "calibration.png", "curves.png", "recipe.json"}
    expected |= {"study_history.png", "study_parallel.png", "study_slices.png"}
    assert expected | {"report.json", "predictions.parquet", "certificate.json", "drift.html"} <= files


def test_trials_and_seeds_are_child_runs_with_curves(run):
    children = mlflow.search_runs(["1"], filter_string=f"tags.`mlflow.parentRunId` = '{run.info.run_id}'", output_format="list")
    finished = sorted(child.info.run_name for child in children if child.info.status == "FINISHED")
    assert {"seed-0", "seed-1"} <= set(finished)
    assert sum(name.startswith("trial-") for name in finished) >= 2
    assert all("val_auc" in child.data.metrics for child in children if child.info.status == "FINISHED")


def test_the_chosen_bundle_is_registered_as_challenger_without_pickle(run):  # `run` looks into the store
    version = mlflow.MlflowClient().get_model_version_by_alias("lobule-histology", "challenger")
    assert version.tags["lobule.bundle"] == run.data.tags["lobule.bundle"]
    local = Path(mlflow.artifacts.download_artifacts("models:/lobule-histology@challenger"))
    assert (local / "artifacts" / "bundle" / "card.json").is_file()
    assert [path for path in local.rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib")] == []


def test_before_a_promotion_there_is_no_champion_to_serve_or_watch(way):
    refused = way["shell"]("monitor")
    assert refused.returncode == 2
    assert "champion" in refused.stderr


def test_pyfunc_the_command_line_and_mlflow_models_predict_give_the_same_scores(way, sample, tmp_path):
    way["shell"].look_into()
    images = sorted((sample / "benign").glob("*.png"))[:2] + sorted((sample / "malignant").glob("*.png"))[:1]
    said = json.loads(way["shell"]("predict", *images, "--model", "@challenger", "--json").stdout)["results"]
    expected = [each["probabilities"]["malignant"] for each in said]
    import pandas as pd

    loaded = mlflow.pyfunc.load_model("models:/lobule-histology@challenger")
    scores = loaded.predict(pd.DataFrame({"image": [path.read_bytes() for path in images]}))["malignant"]
    assert scores.tolist() == pytest.approx(expected, abs=1e-4)
    rows = [[base64.b64encode(path.read_bytes()).decode()] for path in images]
    (tmp_path / "in.json").write_text(json.dumps({"dataframe_split": {"columns": ["image"], "data": rows}}))
    command = ["models", "predict", "-m", "models:/lobule-histology@challenger", "-i", tmp_path / "in.json", "-o", tmp_path / "out.json"]
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", *map(str, command), "-t", "json", "--env-manager", "local"],
        env={**way["shell"].environment, "MLFLOW_TRACKING_URI": way["shell"].store}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = json.loads((tmp_path / "out.json").read_text())["predictions"]
    assert [answer["malignant"] for answer in answers] == pytest.approx(expected, abs=1e-4)


def test_a_small_test_split_cannot_tell_but_a_person_may_force_with_a_reason(way):
    shell = way["shell"]
    refused = shell("promote")
    assert refused.returncode == 3
    assert "cannot tell" in refused.stdout
    assert shell("promote", "--force").returncode == 2
    forced = shell("promote", "--force", "--reason", "a test of the way")
    assert forced.returncode == 0, forced.stderr
    assert "champion" in shell("models").stdout


def test_the_champion_predicts_packages_and_is_watched(way, sample, tmp_path):
    shell = way["shell"]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    said = shell("predict", next((sample / "benign").glob("*.png")), broken)
    assert said.returncode == 2
    assert "benign" in said.stdout
    assert "broken.png" in said.stdout + said.stderr
    packaged = shell("package", "-o", tmp_path / "bento")
    assert packaged.returncode == 0, packaged.stderr
    assert (tmp_path / "bento" / "bento.yaml").is_file()
    quiet = shell("monitor", "--json")
    assert quiet.returncode == 5
    assert json.loads(quiet.stdout)["status"] == "too little data"


def test_going_on_with_a_finished_run_does_no_step_again_but_the_gate(way):
    again = way["shell"]("run", "--resume", way["name"])
    assert again.returncode == 0, again.stderr
    assert len(re.findall("kept from before", again.stderr)) >= len(STEPS) - 2
    assert [line for line in again.stderr.splitlines() if "/10 train" in line and "kept" not in line] == []


def test_a_run_does_not_go_on_with_other_images(way, sample, tmp_path):
    copy, shell = tmp_path / "copy", way["shell"]
    shutil.copytree(sample, copy)
    stopped = shell.start("run", "--data", copy, *SMALL)
    next(line for line in stopped.stderr if "/10 ingest" in line)
    stopped.send_signal(signal.SIGINT)
    told = stopped.stderr.read()
    assert stopped.wait(30) == 130
    next((copy / "benign").glob("*.png")).unlink()
    refused = shell("run", "--resume", re.search(r"--resume (\S+)", told)[1])
    assert refused.returncode == 3
    assert "the files of the source changed" in refused.stderr


def test_the_leaderboard_has_one_line_for_the_run(way):
    listed = json.loads(way["shell"]("runs", "--json").stdout)
    rows = listed["runs"] if isinstance(listed, dict) else listed
    assert [row["run"] for row in rows] == [way["name"]]
