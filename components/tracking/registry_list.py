"""Lists in the model registry that are only ever appended to: the ledger of promotions, the claims of retrainings.

A list is a registered model, and an entry one of its versions. The registry numbers versions itself, under a unique key of its
database, and never gives a number again, not even that of a deleted version: `create_model_version` is the one operation of MLflow
that appends atomically, on SQLite and on PostgreSQL, through a server and without. Tags of a model could be overwritten, and
artifacts of a run are numbered by nobody.
"""

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from components.domain.names import TAG_LEDGER


def create_list(name: str, model: str, about: str) -> None:
    """Register a list that belongs to a model, unless it is there.

    Args:
        name: of the list.
        model: that it is about; the tag keeps the list out of what is told of models.
        about: what its page says.
    """
    try:
        mlflow.MlflowClient().create_registered_model(name, tags={TAG_LEDGER: model}, description=about)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def versions_of(name: str) -> list[ModelVersion]:
    """Return all versions of a registered model, in the order of their numbers; none where it is not there."""
    client, token, found = mlflow.MlflowClient(), None, []
    while True:
        page = client.search_model_versions(f"name = '{name}'", max_results=1000, page_token=token)
        found += list(page)
        token = page.token
        if not token:
            return sorted(found, key=lambda version: int(version.version))
