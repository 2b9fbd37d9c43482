"""Ends the MLflow runs that an interrupted or failed pipeline run left open, and keeps why it failed."""

import mlflow
from mlflow.entities import Run

from components.domain.names import EXPERIMENT, TAG_FAILURE, TAG_JOB, TAG_KIND, TAG_RUN
from components.domain.settings import job, redacted
from components.tracking.mlflow_tracker import PARENT
from components.tracking.store import connect

STATES = {"SUCCEEDED": "FINISHED", "CANCELLED": "KILLED", "CANCELED": "KILLED"}
"""How MLflow calls the end of a Kubeflow Pipelines run; any other is FAILED."""
LONGEST = 500


def close_run(name: str, status: str, reason: str = "") -> int:
    """Mark the run of a pipeline run with a status, and what is nested in it where it is still RUNNING.

    Each step leaves the run FINISHED when it ends; that the pipeline did not come to its end only the caller knows.

    Args:
        name: of the pipeline run.
        status: `KILLED` or `FAILED`.
        reason: why it failed, kept on the run.

    Returns:
        How many were marked.
    """
    connect()
    return sum(_close(run, status, reason) for run in _runs(TAG_RUN, name))


def close_job(state: str, message: str) -> str:
    """Mark the run of the Kubeflow Pipelines run that this task closes as it ended.

    Args:
        state: of that run, as KFP calls it.
        message: what KFP says of it; it counts where no step left its own reason.

    Returns:
        That in words.
    """
    connect()
    status = STATES.get(state, "FAILED")
    found = _runs(TAG_JOB, job()) if job() else []
    for run in found:
        if status == "FINISHED" and TAG_FAILURE in run.data.tags:  # of a try before the last
            mlflow.MlflowClient().delete_tag(run.info.run_id, TAG_FAILURE)
        _close(run, status, "" if TAG_FAILURE in run.data.tags or status == "FINISHED" else message)
    if not found:
        return f"{state.lower()}: it left no run in MLflow"
    return f"{state.lower()}: {', '.join(str(run.data.tags.get(TAG_RUN)) for run in found)} is {status} in MLflow"


def keep_failure(reason: str) -> None:
    """Keep why a task of this Kubeflow Pipelines run failed on the run's MLflow run, where there is one."""
    connect()
    for run in _runs(TAG_JOB, job()):
        mlflow.MlflowClient().set_tag(run.info.run_id, TAG_FAILURE, _kept(reason))


def _runs(tag: str, value: str) -> list[Run]:
    where = f"tags.`{tag}` = '{value}' and tags.`{TAG_KIND}` = 'run'"
    return list(mlflow.search_runs(experiment_names=[EXPERIMENT], filter_string=where, output_format="list"))


def _close(parent: Run, status: str, reason: str) -> int:
    client = mlflow.MlflowClient()
    if reason:
        client.set_tag(parent.info.run_id, TAG_FAILURE, _kept(reason))
    children = mlflow.search_runs(
        experiment_names=[EXPERIMENT], filter_string=f"tags.`{PARENT}` = '{parent.info.run_id}'", output_format="list"
    )
    open_ones = [run for run in children if run.info.status == "RUNNING"]
    for run in (*open_ones, parent):
        client.set_terminated(run.info.run_id, status=status)
    return len(open_ones) + 1


def _kept(text: str) -> str:
    return redacted(" ".join(text.split()))[:LONGEST]
