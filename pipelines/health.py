"""The checks behind `lobule doctor`; each says what it found and what to do where that is not enough."""

import importlib.metadata
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from components import images
from components.domain.errors import InputError
from components.domain.settings import home, optuna_storage, redacted, tracking_uri
from pipelines.machine import usable_gpus

PACKAGES = ("kfp", "mlflow", "tensorflow", "keras", "optuna", "boto3", "scikit-learn", "evidently", "bentoml", "openvino")
FREE_GIB = 5


@dataclass(frozen=True)
class Check:
    """One fact about this machine: what was looked at, whether it suffices, what was found, and the remedy."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def check_all() -> list[Check]:
    """Run every check, the slow ones last."""
    return [_python(), *map(_package, PACKAGES), _home(), _tracking(), _optuna(), *_cluster(), _engine(), _accelerator()]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", (3, 11) <= sys.version_info[:2] < (3, 14), version, "install Python 3.11, 3.12 or 3.13 and run `make` again")


def _package(name: str) -> Check:
    try:
        return Check(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, False, "not installed", "run `make setup`, which installs from requirements.lock")


def _home() -> Check:
    path = home()
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 2**30
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    remedy = "set LOBULE_HOME to a directory that you may write, with room for data and models"
    return Check("LOBULE_HOME", writable and free >= FREE_GIB, f"{path}, {free:.0f} GiB free{'' if writable else ', not writable'}", remedy)


def _tracking() -> Check:
    uri = tracking_uri()
    if uri.startswith("sqlite:///"):
        made = "" if Path(uri.removeprefix("sqlite:///")).is_file() else " (made by the first run)"
        return Check("MLflow store", True, uri + made)
    try:
        from components.tracking.store import connect

        connect()
    except Exception as error:
        return Check("MLflow store", False, f"{redacted(uri)}: {_first(error)}", "start the server or correct MLFLOW_TRACKING_URI")
    return Check("MLflow store", True, redacted(uri))


def _optuna() -> Check:
    import sqlalchemy

    url = optuna_storage()
    if url.startswith("sqlite:///"):
        return Check("Optuna store", True, url)
    try:
        sqlalchemy.create_engine(url).connect().close()
    except Exception as error:
        return Check("Optuna store", False, f"{redacted(url)}: {_first(error)}", "start the database or correct LOBULE_OPTUNA_STORAGE")
    return Check("Optuna store", True, redacted(url))


def _cluster() -> list[Check]:
    """Return whether the cluster answers; nothing where none is set."""
    if not os.environ.get("KF_PIPELINES_ENDPOINT"):
        return []
    from components.domain.errors import LobuleError
    from pipelines.cluster_client import Cluster

    try:
        cluster = Cluster()
    except LobuleError as error:
        found, _, remedy = str(error).partition("; ")
        return [Check("cluster", False, found, remedy)]
    return [Check("cluster", True, cluster.host + (f", namespace {cluster.namespace}" if cluster.multi_user else ""))]


def _first(error: Exception) -> str:
    return redacted(" ".join(str(error).split()))[:200]


def _engine() -> Check:
    """Tell whether `lobule run --on docker` would run; it is a choice, so that its lack is no fault of the machine."""
    from pipelines.containers import require_image

    try:
        require_image()
    except InputError as error:
        return Check("docker", True, f"not usable: {_first(error)}")
    return Check("docker", True, f"answers and has {images.TRAIN}, built from this code")


def _accelerator() -> Check:
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    gpus, reason = usable_gpus()
    if reason:
        return Check("training back end", False, f"{backend}: {reason}", "set KERAS_BACKEND=tensorflow, or install the back end named")
    where = f"{gpus} GPU" if gpus else f"no GPU, {os.cpu_count()} CPU cores: training works, slowly"
    return Check("training back end", True, f"Keras on {backend}, {where}")
