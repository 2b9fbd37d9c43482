"""What a step in a container is given of this machine, and what is told where there is no engine."""

import os
from pathlib import Path

import pytest

from components.domain.errors import InputError
from components.learning.imagenet import kept_file
from pipelines.containers import handed, require_image, seen
from pipelines.runspec import RunSpec


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    return tmp_path / "home"


def spec(source: str | Path, weights: str | Path = "none") -> RunSpec:
    return RunSpec("a-run", {"source": str(source), "weights": str(weights)}, on="docker")


def test_addresses_keys_and_settings_are_handed_in_and_nothing_else(home, tmp_path):
    ours = {"MLFLOW_TRACKING_URI": "http://mlflow:5000", "AWS_ACCESS_KEY_ID": "key", "LOBULE_ACTOR": "ann", "https_proxy": "http://proxy"}
    theirs = {"PATH": "/usr/bin", "HOME": "/home/ann", "PYTHONPATH": "/home/ann/code", "LD_PRELOAD": "x.so", "SECRET": "of another program"}
    given = handed(ours | theirs)
    assert given.pop("LOGNAME") and given == ours
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").touch()
    assert handed({})["AWS_SHARED_CREDENTIALS_FILE"] == f"{tmp_path}/.aws/credentials"
    assert handed({"AWS_SHARED_CREDENTIALS_FILE": "/mine"})["AWS_SHARED_CREDENTIALS_FILE"] == "/mine"


def test_a_sqlite_file_is_named_by_its_whole_path_and_its_folder_can_be_written(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = handed({"MLFLOW_TRACKING_URI": "sqlite:///stores/mlflow.db", "LOBULE_OPTUNA_STORAGE": "sqlite:////elsewhere/optuna.db"})
    assert given["MLFLOW_TRACKING_URI"] == f"sqlite:///{tmp_path}/stores/mlflow.db"
    assert seen(spec("sample:idc"), given) == {home: False, tmp_path / "stores": False, Path("/elsewhere"): False}


def test_the_source_the_weights_and_files_that_settings_name_are_seen_and_only_read(home, tmp_path):
    source, weights, certificates = tmp_path / "images", tmp_path / "weights.h5", tmp_path / "ca.pem"
    source.mkdir()
    weights.touch()
    certificates.touch()
    found = seen(
        spec(source, weights), {"AWS_CA_BUNDLE": str(certificates), "LOBULE_SIGNING_KEY": "/key" * 2000, "AWS_CONFIG_FILE": "/not/there"}
    )
    assert found == {source: True, weights: True, certificates: True, home: False}


@pytest.mark.parametrize("named", [True, False])
def test_imagenet_weights_are_where_keras_looks_for_them_in_a_container_too(home, tmp_path, monkeypatch, named):
    folder = tmp_path / ("mine" if named else ".keras")
    if named:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("KERAS_HOME", "mine")
    assert "KERAS_HOME" not in handed({})  # nothing was ever brought
    kept = kept_file("mobilenetv2", 224)
    kept.parent.mkdir(parents=True)
    kept.touch()
    given = handed(os.environ)
    assert Path(given["KERAS_HOME"]) == folder
    assert seen(spec("sample:idc", "imagenet"), {"KERAS_HOME": given["KERAS_HOME"]}) == {home: False, folder: False}
    monkeypatch.setenv("KERAS_HOME", given["KERAS_HOME"])
    assert kept_file("mobilenetv2", 224).resolve() == kept.resolve()


@pytest.mark.parametrize(
    ("source", "mounted"),
    [("s3://bucket/prefix", []), ("sample:idc", []), ("table.csv", ["."]), ("table.parquet", ["."]), ("images.zip", ["images.zip"])],
)
def test_of_a_table_its_folder_is_seen_of_an_archive_the_file_of_an_address_nothing(home, tmp_path, source, mounted):
    (tmp_path / source).touch() if "." in source else None
    given = source if ":" in source else tmp_path / source
    assert [path for path, read_only in seen(spec(given), {}).items() if read_only] == [tmp_path / each for each in mounted]


def test_without_an_engine_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///not/there")
    with pytest.raises(InputError, match=r"needs a Docker engine that answers, but got .*; start it, set DOCKER_HOST, or run without --on"):
        require_image()
