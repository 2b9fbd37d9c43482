"""The embedded MLflow store: created once, before several processes use it."""

import logging
import os

from components.domain.errors import InputError
from components.domain.names import EXPERIMENT
from components.domain.settings import home, tracking_uri, unwritable

logger = logging.getLogger(__name__)


def connect() -> None:
    """Point MLflow at the store in use and create the experiment if it is not there.

    With the embedded store, artifacts lie in the home beside the database; a server decides for itself.

    Raises:
        InputError: if the home cannot be written.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    uri = tracking_uri()
    embedded = uri.startswith("sqlite:")
    if embedded:
        try:
            home().mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(unwritable(home(), error)) from None
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(os.environ.get("MLFLOW_REGISTRY_URI") or uri)
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        location = (home() / "mlflow-artifacts").as_uri() if embedded else None
        mlflow.create_experiment(EXPERIMENT, artifact_location=location, tags={"mlflow.experimentKind": "custom_model_development"})
    mlflow.set_experiment(EXPERIMENT)
