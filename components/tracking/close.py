"""Ends the MLflow runs that an interrupted or failed pipeline run left open."""

import mlflow

from components.domain.names import EXPERIMENT, TAG_KIND, TAG_RUN
from components.tracking.store import connect

PARENT = "mlflow.parentRunId"


def close_run(name: str, status: str) -> int:
    """Mark the run of a pipeline run with a status, and what is nested in it where it is still RUNNING.

    Each step leaves the run FINISHED when it ends; that the pipeline did not come to its end only the caller knows.

    Args:
        name: of the pipeline run.
        status: `KILLED` or `FAILED`.

    Returns:
        How many were marked.
    """
    connect()
    client = mlflow.MlflowClient()
    parents = mlflow.search_runs(
        experiment_names=[EXPERIMENT], filter_string=f"tags.`{TAG_RUN}` = '{name}' and tags.`{TAG_KIND}` = 'run'", output_format="list"
    )
    marked = 0
    for parent in parents:
        children = mlflow.search_runs(
            experiment_names=[EXPERIMENT], filter_string=f"tags.`{PARENT}` = '{parent.info.run_id}'", output_format="list"
        )
        for run in (*children, parent):
            if run is parent or run.info.status == "RUNNING":
                client.set_terminated(run.info.run_id, status=status)
                marked += 1
    return marked
