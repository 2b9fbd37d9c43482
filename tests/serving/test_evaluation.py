"""What is told of the served model's test: the figures of its own run, or nothing."""

from pathlib import Path

import pytest

from components.domain.names import interval_metrics
from components.domain.names import test_metric as name_of
from serving.evaluation import Evaluation, Figure, evaluation_of
from serving.registry import TAG_BUNDLE, evaluated

BUNDLE = "sha256:" + "1" * 64
LOGGED = {
    **{name_of("auc"): 0.9, name_of("images"): 40.0, name_of("groups"): 12.0, "best_val_auc": 0.99},
    **dict(zip(interval_metrics("auc"), (0.8, 0.95), strict=True)),
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a registry whose only version comes from a run that logged its test."""
    import mlflow

    home = tmp_path_factory.mktemp("evaluated")
    uri = f"sqlite:///{home / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    run = client.create_run(client.create_experiment("tiny", artifact_location=(home / "artifacts").as_uri())).info.run_id
    for name, value in LOGGED.items():
        client.log_metric(run, name, value)
    client.set_tag(run, TAG_BUNDLE, BUNDLE)
    client.create_registered_model("lobule-tiny")
    client.create_model_version("lobule-tiny", (home / "artifacts").as_uri(), run)
    return uri


@pytest.mark.slow  # an MLflow store is made
def test_the_run_of_a_version_tells_its_test_figures(registry: str):
    values = evaluated("lobule-tiny", "1", bundle=BUNDLE, tracking_uri=registry)
    assert values == {"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95, "images": 40.0, "groups": 12.0}
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
