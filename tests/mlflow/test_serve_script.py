"""What can be said of the tracking server's start script without a server."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "mlflow" / "serve.sh"
NEEDED = {
    "MLFLOW_BACKEND_STORE_URI": "postgresql+psycopg2://a:b@c/d",
    "MLFLOW_ARTIFACTS_DESTINATION": "s3://bucket",
    "MLFLOW_AUTH_ADMIN_PASSWORD": "0123456789abc",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "x",
}


@pytest.mark.parametrize("missing", NEEDED)
def test_a_setting_that_is_missing_is_named_before_anything_starts(missing):
    given = {name: value for name, value in NEEDED.items() if name != missing} | {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(["sh", SCRIPT], env=given, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr == f"mlflow/serve.sh: {missing} must be set; see the top of this file\n"


def test_every_setting_that_it_reads_is_explained_on_top():
    text = SCRIPT.read_text()
    explained = text.split("set -eu")[0]
    assert all(name in explained for name in NEEDED)
    assert "LOBULE_MLFLOW_PERMISSION" in explained and "MLFLOW_SERVER_ALLOWED_HOSTS" in explained
