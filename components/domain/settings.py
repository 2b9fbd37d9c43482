"""The settings of everything that is not serving: where the stores are. Standard names first, ours start with `LOBULE_`."""

import getpass
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from components.domain.errors import InputError

JOB = "KFP_RUN_ID"
"""Variable with the id of the Kubeflow Pipelines run that a task belongs to; unset on this machine."""
_CREDENTIALS = re.compile(r"(?<=://)[^/:@\s]*(?::(?!\d+[/?#])\S*)?@")  # up to the last @: a password may hold one; host:5000/ is none
_SECRET = re.compile(r"([?&](?:password|passwd|pwd|token|sslpassword|secret)=)[^&\s]*", re.IGNORECASE)


def home() -> Path:
    """Return the absolute directory of the embedded stores: `LOBULE_HOME`, or `.lobule` in the working directory."""
    return Path(os.environ.get("LOBULE_HOME") or ".lobule").resolve()


def unwritable(directory: Path, error: OSError) -> str:
    """Return the words for a directory of the home that cannot be written: the rule, the value, the remedy."""
    return f"LOBULE_HOME must be a directory that can be written, but {directory} cannot be made ({error.strerror}); set another"


def job() -> str:
    """Return the id of the Kubeflow Pipelines run that this task belongs to, "" on this machine."""
    return os.environ.get(JOB, "").strip()


def tracking_uri() -> str:
    """Return where MLflow keeps runs: `MLFLOW_TRACKING_URI`, or SQLite in the home.

    Raises:
        InputError: if neither is allowed: the home of a task on a cluster goes with its pod.
    """
    given = os.environ.get("MLFLOW_TRACKING_URI")
    if not given and os.environ.get("LOBULE_EMBEDDED_STORES") == "refused":
        raise InputError(
            "a task on a cluster needs an MLflow server that all tasks reach, but MLFLOW_TRACKING_URI is not set; "
            "submit or compile again with --mlflow URL"
        )
    return given or f"sqlite:///{home() / 'mlflow.db'}"


def optuna_storage() -> str:
    """Return where Optuna keeps studies: `LOBULE_OPTUNA_STORAGE`, or SQLite in the home."""
    return os.environ.get("LOBULE_OPTUNA_STORAGE") or f"sqlite:///{home() / 'optuna.db'}"


def prediction_log() -> Path:
    """Return the directory of the prediction log: `LOBULE_PREDICTION_LOG`, or `predictions` in the home."""
    return Path(os.environ.get("LOBULE_PREDICTION_LOG") or home() / "predictions").resolve()


def actor() -> str:
    """Return who acts, as the promotion ledger names them: `LOBULE_ACTOR`, or the login name, or `unknown`."""
    named = os.environ.get("LOBULE_ACTOR", "").strip()
    try:
        return named or getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return "unknown"


def account() -> str:
    """Return the operating system's own account, `login@host`, and the MLflow user where there is one; whatever `LOBULE_ACTOR` says."""
    try:
        login = getpass.getuser()
    except (OSError, KeyError):
        login = "unknown"
    user = os.environ.get("MLFLOW_TRACKING_USERNAME", "").strip()
    return f"{login}@{socket.gethostname()}{f' as MLflow user {user}' if user else ''}"


def signing_key() -> str:
    """Return the key that signs ledger entries and registered bundles: `LOBULE_SIGNING_KEY`, "" where none is set."""
    return os.environ.get("LOBULE_SIGNING_KEY", "").strip()


def alarm_webhook() -> str:
    """Return where an alarm of the monitor is posted: `LOBULE_ALARM_WEBHOOK`, "" where none is set."""
    return os.environ.get("LOBULE_ALARM_WEBHOOK", "").strip()


def retrain_source() -> str:
    """Return where labelled images for retraining are: `LOBULE_RETRAIN_SOURCE`, "" where none is set."""
    return os.environ.get("LOBULE_RETRAIN_SOURCE", "").strip()


def retrain_cooldown() -> str:
    """Return the least time between two retrainings of a model: `LOBULE_RETRAIN_COOLDOWN`, as 24h or 7d."""
    return os.environ.get("LOBULE_RETRAIN_COOLDOWN", "").strip() or "7d"


def redacted(text: str) -> str:
    """Return a URI, or a text with URIs in it, without user names, passwords and tokens: what may be shown.

    >>> redacted("postgresql+psycopg://lobule:secret@db:5432/mlflow?password=secret")
    'postgresql+psycopg://db:5432/mlflow?password=***'
    """
    return _SECRET.sub(r"\1***", _CREDENTIALS.sub("", text))


@dataclass(frozen=True)
class Setting:
    """One environment variable: its name, its default in words and what it decides."""

    name: str
    default: str
    meaning: str


SETTINGS = (
    Setting("LOBULE_HOME", ".lobule", "directory of the embedded stores, caches and logs"),
    Setting("MLFLOW_TRACKING_URI", "SQLite in LOBULE_HOME", "where runs and the model registry are kept"),
    Setting("LOBULE_OPTUNA_STORAGE", "SQLite in LOBULE_HOME", "where studies are kept, as a SQLAlchemy URL"),
    Setting("LOBULE_EMBEDDED_STORES", "", "`refused` where MLflow's store may not lie in LOBULE_HOME, as in tasks on a cluster"),
    Setting("LOBULE_PREDICTION_LOG", "LOBULE_HOME/predictions", "directory of the prediction log"),
    Setting("LOBULE_IMAGE_PREFIX", "none", "registry and path in front of the images' names, as registry.example.org/team/"),
    Setting("LOBULE_TRAIN_IMAGE", "lobule-train of this version", "image that steps run in, with `--on docker` and on a cluster"),
    Setting("LOBULE_ACTOR", "the login name", "who promotes, as the ledger names them"),
    Setting("LOBULE_SIGNING_KEY", "nothing is signed", "key that signs ledger entries and registered models, and checks their signatures"),
    Setting("LOBULE_ALARM_WEBHOOK", "none", "address that `lobule monitor` posts its alarms to, signed with LOBULE_SIGNING_KEY where set"),
    Setting("LOBULE_RETRAIN_SOURCE", "none", "source of labelled images, old and new, that `lobule monitor --retrain` trains on"),
    Setting("LOBULE_RETRAIN_COOLDOWN", "7d", "least time between two retrainings of a model"),
    Setting("KERAS_BACKEND", "tensorflow", "back end of training: tensorflow or jax"),
    Setting("KF_PIPELINES_ENDPOINT", "the pod's, or the kube config's", "Kubeflow Pipelines server that `lobule submit` runs on"),
    Setting("KF_PIPELINES_TOKEN", "none", "token for it; KF_PIPELINES_COOKIES for a session; a pod has its own"),
    Setting("KF_PIPELINES_SSL_CA_CERT", "the system's", "file of the authorities that its certificate is checked with"),
    Setting("KF_PIPELINES_NAMESPACE", "the pod's", "namespace on a server of several users"),
    Setting("LOBULE_IMAGE_PREFIX", "", "registry and path before the names of the images that tasks run in"),
    Setting("AWS_ENDPOINT_URL_S3", "AWS", "S3-compatible store for s3:// addresses; credentials in the usual AWS_* variables"),
)
