"""A server for `lobule submit`, and the command against it."""

import importlib.util
import sys
from pathlib import Path

import pytest

from pipelines import cluster_watch
from pipelines.cli.main import invoke
from pipelines.cluster_environment import ADDRESSES

spec = importlib.util.spec_from_file_location("kfp_server", Path(__file__).parents[1] / "kfp_server.py")
kfp_server = importlib.util.module_from_spec(spec)
sys.modules["kfp_server"] = kfp_server
spec.loader.exec_module(kfp_server)


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """No settings of whoever runs the tests."""
    names = [*ADDRESSES, *(f"KF_PIPELINES_{name}" for name in ("ENDPOINT", "UI_ENDPOINT", "TOKEN", "COOKIES", "NAMESPACE"))]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOBULE_ACTOR", "ada")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr(cluster_watch, "POLL_SECONDS", 0.01)


@pytest.fixture
def server(nobody):
    with kfp_server.running() as state:
        yield state


@pytest.fixture
def submit(server, capsys):
    """Submits to the server; returns exit code, standard output and standard error."""

    def run(*arguments: str):
        code = invoke(["submit", "--host", server.url, *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def checked():
    """What the server checks bodies with."""
    return kfp_server.checked
