"""A real SQLite registry, and bundles in it as `components.register` puts them there."""

import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from service_process import free_port, web

import serving

NAME = "lobule-tiny"


def register(bundle: Path, name: str = NAME) -> str:
    """Register a bundle exactly as `components.register` does; return its version."""
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    outputs = [*(ColSpec(DataType.double, label) for label in ("benign", "malignant"))]
    outputs += [ColSpec(DataType.string, column) for column in ("predicted_class", "verdict")]
    folder = Path(serving.__file__).parent
    with warnings.catch_warnings(), mlflow.start_run():
        warnings.simplefilter("ignore")
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(folder / "pyfunc.py"),
            artifacts={"bundle": str(bundle)},
            code_paths=[str(folder)],
            signature=ModelSignature(inputs=Schema([ColSpec(DataType.binary, "image")]), outputs=Schema(outputs)),
            pip_requirements=["mlflow-skinny==3.17.2"],
            registered_model_name=name,
        )
    return str(info.registered_model_version)


@contextmanager
def registry_at(home: Path) -> Iterator[tuple]:
    """Make a registry the one in use for a while; give its address and a client."""
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    uri = f"sqlite:///{home / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("tiny", artifact_location=(home / "artifacts").as_uri()))
    try:
        yield uri, mlflow.MlflowClient(uri, uri)
    finally:
        mlflow.set_tracking_uri(None)  # what get_tracking_uri gave before would be kept in the environment, a stray mlflow.db included
        mlflow.set_registry_uri(None)


@contextmanager
def running_server(uri: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run MLflow's server on a registry that tells webhooks on this machine; give its process, which leads its group, and its address."""
    port = free_port()
    settings = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "0",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "mlflow.txt").open("wb") as output:
        process = subprocess.Popen(
            [*command, "--workers", "1", "--no-serve-artifacts", "--default-artifact-root", str(folder / "artifacts")],
            env=os.environ | settings, cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert process.poll() is None, (folder / "mlflow.txt").read_text()
            with suppress(httpx.HTTPError):
                if web.get(f"{address}/health").status_code == 200:
                    break
            time.sleep(0.1)
        else:
            raise TimeoutError(f"MLflow's server does not answer: {(folder / 'mlflow.txt').read_text()}")
        yield process, address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
