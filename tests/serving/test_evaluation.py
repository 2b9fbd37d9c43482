"""What is told of the served model's test: the figures of its own run, or nothing."""

from pathlib import Path

import pytest

from components.domain import names
from serving.evaluation import Evaluation, Figure, evaluation_of
from serving.registry import TAG_BUNDLE, evaluated

BUNDLE = "sha256:" + "1" * 64
VALUES = {"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95, "images": 40.0, "groups": 12.0}
LOW, HIGH = names.interval_metrics("auc")
NOW = {names.test_metric("auc"): 0.9, LOW: 0.8, HIGH: 0.95, names.test_metric("images"): 40.0, names.test_metric("groups"): 12.0}
VERSIONS = {"1": NOW, "2": {f"test_{name}": value for name, value in VALUES.items()}}
"""As runs are logged now, and as version 0.1 logged them."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a registry whose two versions come from runs that logged their test."""
    import mlflow

    home = tmp_path_factory.mktemp("evaluated")
    uri = f"sqlite:///{home / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.create_experiment("tiny", artifact_location=(home / "artifacts").as_uri())
    client.create_registered_model("lobule-tiny")
    for logged in VERSIONS.values():
        run = client.create_run(experiment).info.run_id
        for name, value in (logged | {"val_auc": 0.99}).items():
            client.log_metric(run, name, value)
        client.set_tag(run, TAG_BUNDLE, BUNDLE)
        client.create_model_version("lobule-tiny", (home / "artifacts").as_uri(), run)
    return uri


@pytest.fixture(autouse=True)
def no_other_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow remembers the registry that was named last in the environment."""
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)


@pytest.mark.slow  # an MLflow store is made
@pytest.mark.parametrize("version", VERSIONS)
def test_the_run_of_a_version_tells_its_test_figures(registry: str, version: str):
    values = evaluated("lobule-tiny", version, bundle=BUNDLE, tracking_uri=registry)
    assert values == VALUES
    assert evaluation_of(values) == Evaluation(40, 12, {"auc": Figure(0.9, 0.8, 0.95)})


@pytest.mark.slow
@pytest.mark.parametrize(("version", "bundle"), [("1", "sha256:" + "2" * 64), ("9", BUNDLE)], ids=["another bundle", "no such version"])
def test_figures_of_anything_else_are_not_told(registry: str, version: str, bundle: str):
    assert evaluated("lobule-tiny", version, bundle=bundle, tracking_uri=registry) == {}


def test_no_registry_is_made_by_asking(tmp_path: Path):
    uri = f"sqlite:///{tmp_path / 'none.db'}"
    assert evaluated("lobule-tiny", "1", bundle=BUNDLE, tracking_uri=uri) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_value_without_an_interval_is_no_figure():
    assert evaluation_of({"images": 3.0, "auc": 0.9, "auc_seeds_mean": 0.8}) is None
