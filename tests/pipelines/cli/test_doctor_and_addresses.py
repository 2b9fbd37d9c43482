"""Stores that are wrong or guarded by a password: said in a line, without a traceback and without the password."""

import os

import pytest

from pipelines import health
from pipelines.cli.doctor import told
from pipelines.cli.main import invoke
from pipelines.cli.stored import compare_address

GUARDED = "http://bob:s3cret@127.0.0.1:9"


@pytest.fixture
def guarded(monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", GUARDED)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    yield
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


@pytest.mark.parametrize("command", ["models", "runs", "promote", "predict"])
def test_a_store_that_does_not_answer_is_one_line_without_its_password(guarded, tmp_path, capsys, command):
    picture = tmp_path / "x.png"
    picture.write_bytes(b"no image")
    code = invoke([command, *([str(picture)] if command == "predict" else [])])
    out, err = capsys.readouterr()
    assert code == 2 and "127.0.0.1" in err and len(err.splitlines()) == 1
    assert "s3cret" not in out + err


def test_the_checks_name_stores_without_their_passwords(guarded, monkeypatch):
    monkeypatch.setenv("LOBULE_OPTUNA_STORAGE", "postgresql+nodriver://bob:s3cret@db/optuna")
    checks = [health._tracking(), health._optuna()]
    assert [check.ok for check in checks] == [False, False]
    assert "127.0.0.1:9" in checks[0].found and "db/optuna" in checks[1].found
    assert "s3cret" not in str(checks) and "bob" not in str(checks)


def test_an_address_of_a_study_store_that_is_none_is_a_finding(monkeypatch):
    monkeypatch.setenv("LOBULE_OPTUNA_STORAGE", "bogus")
    check = health._optuna()
    assert not check.ok and check.found.startswith("bogus: ") and "LOBULE_OPTUNA_STORAGE" in check.remedy


def test_a_home_that_is_a_file_is_a_finding(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "file"))
    assert not health._home().ok


def test_the_ui_and_the_compare_page_of_a_server_are_named_without_password(guarded, capsys):
    assert invoke(["ui"]) == 0
    assert capsys.readouterr().out == "the store in use is a server: open http://127.0.0.1:9\n"
    assert compare_address(["a"], "1") == "http://127.0.0.1:9/#/experiments/1/runs/a"


def test_the_ui_of_a_database_keeps_its_password_out_of_the_arguments(monkeypatch, tmp_path):
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    started = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: started.append((arguments, os.environ["MLFLOW_BACKEND_STORE_URI"])))
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "")
    assert invoke(["ui"]) == 0
    (arguments, uri) = started[0]
    assert uri == f"sqlite:///{tmp_path}/mlflow.db" and uri not in arguments
    import mlflow

    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


def test_a_setting_names_its_default_only_where_there_is_one():
    assert told("port", "80") == "port (default: 80)"
    assert told("model to serve", "") == "model to serve"
