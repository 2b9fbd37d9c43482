"""The windows of a model version, in one MLflow run: its metrics are the history of the monitor, one step a window."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import mlflow
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from components.domain.names import EXPERIMENT, TAG_KIND, TAG_MODEL, TAG_MONITOR, TAG_RETRAINS
from components.tracking.store import connect

KIND = "monitor"


def record_window(name: str, version: str, values: Mapping[str, float], *, time: datetime, files: Sequence[Path] = ()) -> str:
    """Add a window to the run of a registered version, which is made and named on the version with its first window.

    Args:
        name: of the registered model.
        version: of it.
        values: measurements of the window.
        time: of its last image, with a time zone: the place of its values on a time axis.
        files: kept under `windows/<time>/`.

    Returns:
        The id of the run.
    """
    connect()
    client = mlflow.MlflowClient()
    run_id = _run_of(client, name, version)
    try:
        client.set_model_version_tag(name, version, TAG_MONITOR, run_id)
    except MlflowException as error:  # a version that was deleted since keeps its history
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    step = max((len(client.get_metric_history(run_id, key)) for key in values), default=0)
    stamp = int(time.timestamp() * 1000)
    client.log_batch(run_id, metrics=[Metric(key, float(value), stamp, step) for key, value in values.items()])
    for file in files:
        client.log_artifact(run_id, str(file), f"windows/{time:%Y%m%dT%H%M%SZ}")
    client.set_terminated(run_id)
    return run_id


def note_retraining(name: str, version: str, said: str) -> None:
    """Write what was done about the last alarm on the run with the windows of a registered version."""
    connect()
    client = mlflow.MlflowClient()
    client.set_tag(_run_of(client, name, version), TAG_RETRAINS, said)


def _run_of(client: mlflow.MlflowClient, name: str, version: str) -> str:
    """Return the run with the windows of a version; it is made if it is not there."""
    model = f"{name}/{version}"
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None, "connect() creates it"
    where = f"tags.`{TAG_KIND}` = '{KIND}' and tags.`{TAG_MODEL}` = '{model}'"
    found = client.search_runs([experiment.experiment_id], where, max_results=1)
    run = (
        found[0]
        if found
        else client.create_run(experiment.experiment_id, tags={TAG_KIND: KIND, TAG_MODEL: model}, run_name=f"monitor {name} v{version}")
    )
    return str(run.info.run_id)
