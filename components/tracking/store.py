"""The embedded MLflow store: created once, before several processes use it."""

import logging
import os
import urllib.error
import urllib.request

from components.domain.errors import InputError
from components.domain.names import EXPERIMENT
from components.domain.settings import home, tracking_uri

PROBE_SECONDS = 10
logger = logging.getLogger(__name__)


def require_server(uri: str) -> None:
    """Check that a tracking server answers; an embedded or database store needs none.

    MLflow itself would try again for minutes.

    Raises:
        InputError: if it does not.
    """
    if not uri.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=PROBE_SECONDS).close()  # noqa: S310 - checked above
    except urllib.error.HTTPError:
        return  # it answers, if not to this
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"MLFLOW_TRACKING_URI must be a server that answers, but {uri} does not ({reason}); start it or unset it"
        ) from None


def connect() -> None:
    """Point MLflow at the store in use and create the experiment if it is not there.

    With the embedded store, artifacts lie in the home beside the database; a server decides for itself.

    Raises:
        InputError: if the server does not answer.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    uri = tracking_uri()
    require_server(uri)
    embedded = uri.startswith("sqlite:")
    if embedded:
        home().mkdir(parents=True, exist_ok=True)
        # MLflow would write the working directory into its first rows, unescaped: a quote in that path breaks the store
        os.environ.setdefault("_MLFLOW_SERVER_ARTIFACT_ROOT", (home() / "mlflow-artifacts").as_uri())
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(os.environ.get("MLFLOW_REGISTRY_URI") or uri)
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        location = (home() / "mlflow-artifacts").as_uri() if embedded else None
        mlflow.create_experiment(EXPERIMENT, artifact_location=location, tags={"mlflow.experimentKind": "custom_model_development"})
    mlflow.set_experiment(EXPERIMENT)
