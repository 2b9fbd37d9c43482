"""The variables of tasks on a cluster: addresses and settings as pods need them, and no secret.

A pod does not reach this machine's own addresses, and everybody who may look at a pipeline reads its variables: both are refused before
anything is compiled.
"""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from components.domain.errors import InputError
from components.domain.settings import redacted
from pipelines.placement import SECRET_KEYS, Placement, Secret

MLFLOW, OPTUNA = "MLFLOW_TRACKING_URI", "LOBULE_OPTUNA_STORAGE"
ADDRESSES = (
    *(MLFLOW, "MLFLOW_REGISTRY_URI", "MLFLOW_S3_ENDPOINT_URL", OPTUNA),
    *("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "KERAS_BACKEND"),
)
"""Settings of this machine that its tasks on a cluster share."""
BY_KFP = "kfp"
"""Instead of MLflow's address: Kubeflow Pipelines' own integration gives it to each task."""
_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|PRIVATE|ACCESS_KEY|SIGNING_KEY", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def task_environment(given: Mapping[str, str], *, secrets: tuple[Secret, ...], mlflow: str | None, workers: int) -> dict[str, str]:
    """Return the variables of all tasks: those given, and the addresses that this machine uses.

    Args:
        given: by name; "" leaves an address out.
        secrets: that fill others.
        mlflow: address of the server, or `kfp`; None takes MLFLOW_TRACKING_URI.
        workers: training tasks that search one study.

    Raises:
        InputError: if one would show a secret, no pod can reach one, or workers would share nothing.
    """
    filled = {variable for secret in secrets for variable in secret.variables.values()}
    for name, value in given.items():
        if not _VARIABLE.fullmatch(name):
            raise InputError(f"--env must name a variable, but got {name!r}; use letters, digits and _")
        if (name in SECRET_KEYS and name != OPTUNA) or _SECRET_NAME.search(name) or redacted(value) != value:
            raise InputError(
                f"--env would show everybody who may see the pipeline what is in {name}; put it into a Kubernetes secret and give "
                f"--secret SECRET:KEY={name}"
            )
    found = {name: os.environ.get(name, "") for name in ADDRESSES if name not in given}
    if mlflow is not None:
        found[MLFLOW] = "" if mlflow == BY_KFP else mlflow
    environment = {name: value for name, value in given.items() if value}
    for name, value in found.items():
        if not value or name in filled or _is_embedded(value):
            continue
        if redacted(value) != value:
            raise InputError(
                f"{name} holds a password, which everybody who may see the pipeline would read; put it into a Kubernetes secret "
                f"and give --secret SECRET:KEY={name}"
            )
        if _is_here(value):
            raise InputError(
                f"{name} is {value}, which is this machine's own address and none of a pod; give the one that pods reach: "
                f"{'--mlflow URL' if name == MLFLOW else f'--env {name}=URL'}"
            )
        environment[name] = value
    if workers > 1 and OPTUNA not in {*environment, *filled}:
        raise InputError(
            f"{workers} workers search one study, which must lie where all reach it, but {OPTUNA} is not set; "
            f"put a PostgreSQL URL into a Kubernetes secret and give --secret SECRET:KEY={OPTUNA}"
        )
    return environment


def require_mlflow(placement: Placement, mlflow: str | None) -> None:
    """Check that the tasks know an MLflow server.

    Raises:
        InputError: if they do not.
    """
    assert placement.pod is not None
    filled = {variable for secret in placement.pod.secrets for variable in secret.variables.values()}
    if MLFLOW not in {*placement.pod.environment, *filled} and mlflow != BY_KFP:
        raise InputError(
            "a run on a cluster needs an MLflow server, where its tasks meet and its model is registered, but none is named; give --mlflow "
            f"URL or set {MLFLOW}, or --mlflow {BY_KFP} where Kubeflow Pipelines' own MLflow integration names it"
        )


def _is_embedded(address: str) -> bool:
    return address.startswith(("sqlite:", "file:", "/", "."))


def _is_here(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback or ip_address(host).is_unspecified
    except ValueError:
        return host == "localhost"
