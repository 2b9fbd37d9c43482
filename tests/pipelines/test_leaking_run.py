"""A protocol that leaks, reproduced on purpose: it runs to its end, is marked everywhere, and never becomes champion."""

import json
from pathlib import Path

import mlflow
import pytest

pytestmark = pytest.mark.slow
SMALL = ("--weights", "none", "--trials", "1", "--seeds", "1", "--set", "epochs=2", "--set", "trial_epochs=1", "--set", "image_size=32")


@pytest.fixture(scope="module")
def leaking(sample, shell_at, tmp_path_factory):
    shell = shell_at(tmp_path_factory.mktemp("leaking") / "home")
    return shell, shell("run", "--data", sample, "--allow-leakage", "--promote", *SMALL)


def test_the_gate_refuses_and_the_summary_says_so_loudly(leaking):
    _, done = leaking
    assert done.returncode == 3, done.stderr
    assert "LEAKING on purpose:" in done.stderr
    assert "its model can never become champion" in done.stdout
    assert "NOT held out by group" in done.stdout
    assert "that training never saw" not in done.stdout
    assert "lobule promote" not in done.stdout[done.stdout.index("\nNext") :]


def test_run_version_certificate_and_card_are_marked(leaking):
    shell, _ = leaking
    shell.look_into()
    (run,) = mlflow.search_runs(["1"], filter_string="tags.`lobule.kind` = 'run'", output_format="list")
    version = mlflow.MlflowClient().get_model_version_by_alias("lobule-histology", "challenger")
    assert run.data.tags["lobule.leaking"] == version.tags["lobule.leaking"] == "true"
    certificate = json.loads(
        Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="certificate.json")).read_text()
    )
    assert certificate["leaking"] is True
    assert certificate["groups_across_splits"] > 0
    bundle = Path(mlflow.artifacts.download_artifacts("models:/lobule-histology@challenger")) / "artifacts" / "bundle"
    assert json.loads((bundle / "card.json").read_text())["leaking"] is True
    assert "LEAKS" in shell("runs").stdout
    assert "LEAKS" in shell("models").stdout


def test_neither_the_gate_nor_force_makes_it_champion(leaking):
    shell, _ = leaking
    asked = shell("promote")
    assert asked.returncode == 3
    assert "protocol that leaks" in asked.stdout
    assert "no --force makes it champion" in asked.stdout
    forced = shell("promote", "--force", "--reason", "a test of the rule")
    assert forced.returncode == 3
    assert "a leaking model is never champion" in forced.stderr
    assert "There is no @champion yet" in shell("models").stdout


def test_removing_the_tag_does_not_help_because_the_report_remembers(leaking):
    shell, _ = leaking
    shell.look_into()
    client = mlflow.MlflowClient()
    version = client.get_model_version_by_alias("lobule-histology", "challenger")
    client.set_model_version_tag("lobule-histology", version.version, "lobule.leaking", "false")
    assert shell("promote", "--force", "--reason", "a test of the rule").returncode == 3
    client.set_model_version_tag("lobule-histology", version.version, "lobule.leaking", "true")


def test_a_resumed_run_cannot_become_a_leaking_one(leaking):
    shell, _ = leaking
    refused = shell("run", "--resume", "any", "--allow-leakage")
    assert refused.returncode == 2
    assert "--allow-leakage" in refused.stderr
