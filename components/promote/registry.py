"""What promotion asks of the model registry: a version, an alias, and to move one.

The caller has pointed MLflow at its store (`components.tracking.store.connect`).
"""

import logging

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from components.domain.errors import InputError, RefusedError
from components.domain.names import CHAMPION
from components.domain.settings import redacted

logger = logging.getLogger(__name__)


def alias_of(name: str, alias: str) -> str:
    """Return the version that has an alias, "" if none has.

    Raises:
        InputError: if there is no such model, or no registry answers.
    """
    try:
        model = mlflow.MlflowClient().get_registered_model(name)
    except MlflowException as error:
        raise _missing(f"there is no registered model {name!r}", error) from None
    return str(model.aliases.get(alias, ""))


def version_of(name: str, version: str) -> ModelVersion:
    """Return a registered version that a run made.

    Raises:
        InputError: if there is none, or no run made it.
    """
    try:
        found = mlflow.MlflowClient().get_model_version(name, version)
    except MlflowException as error:
        raise _missing(f"there is no version {version!r} of {name!r}", error) from None
    if not found.run_id:
        raise InputError(
            f"a version must come from a run that evaluated it, but version {version} of {name} has none; make one by `lobule run`"
        )
    return found


def move_champion(name: str, version: str, *, before: str) -> None:
    """Move the alias `champion` from the version that was compared with, and look that it moved.

    Raises:
        RefusedError: if something else moved it meanwhile.
    """
    if alias_of(name, CHAMPION) != before:
        raise RefusedError(f"@{CHAMPION} of {name} must still be version {before or 'none'}, but was moved meanwhile; ask again")
    mlflow.MlflowClient().set_registered_model_alias(name, CHAMPION, version)
    now = alias_of(name, CHAMPION)
    if now != version:
        raise RefusedError(f"@{CHAMPION} of {name} must be version {version} now, but is {now or 'none'}; ask again")
    logger.info("%s version %s is @%s (before: %s)", name, version, CHAMPION, before or "none")


def _missing(said: str, error: MlflowException) -> InputError:
    if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
        return InputError(f"{said}; see `lobule models`")
    first = str(error).splitlines()[0][:200]
    return InputError(
        f"the model registry must answer, but {redacted(mlflow.get_registry_uri())} does not ({redacted(first)}); check MLFLOW_TRACKING_URI"
    )
