"""The `Tracker` that writes to MLflow. A pipeline run is one MLflow run, found by its tag, in which trials and seeds nest."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

from components.domain.names import EXPERIMENT, TAG_FAILURE, TAG_JOB, TAG_KIND, TAG_RUN
from components.domain.settings import job
from components.domain.tracking import Scalar, Tracker
from components.tracking.store import connect

CURVE = "val_auc"
"""Curve that every epoch of a trial or a seed tells."""
logger = logging.getLogger(__name__)
PARENT = "mlflow.parentRunId"


class MlflowTracker:
    """Records into one MLflow run, wherever the process's active run points.

    Attributes:
        run_id: of the run.
        told: the last step that an earlier process told of this run's curves; no step is recorded twice.
    """

    def __init__(self, run_id: str, *, told: int = -1) -> None:
        self.run_id, self.told = run_id, told

    def params(self, values: Mapping[str, Scalar]) -> None:
        """Record settings that are not yet recorded: a resumed run writes the same ones again."""
        known = mlflow.get_run(self.run_id).data.params
        fresh = {key: value for key, value in values.items() if key not in known}
        if fresh:
            mlflow.log_params(fresh, run_id=self.run_id)

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record measurements; `step` is the epoch for curves."""
        if step is not None and step <= self.told:
            return
        mlflow.log_metrics({key: float(value) for key, value in values.items()}, step=step, run_id=self.run_id)

    def tags(self, values: Mapping[str, str]) -> None:
        """Record facts about the run."""
        client = mlflow.MlflowClient()
        for key, value in values.items():
            client.set_tag(self.run_id, key, value)

    def file(self, path: Path) -> None:
        """Keep a file at the root of the run's artifacts."""
        mlflow.log_artifact(str(path), run_id=self.run_id)

    @contextmanager
    def child(self, name: str) -> Iterator[Tracker]:
        """Open a child run, or the one of that name again; its kind is the name up to the first `-`, as in `trial-3`."""
        found = mlflow.search_runs(
            experiment_names=[EXPERIMENT],
            filter_string=f"tags.`{PARENT}` = '{self.run_id}' and attributes.run_name = '{name}'",
            output_format="list",
        )
        if found:
            opened, told = mlflow.start_run(run_id=found[0].info.run_id, nested=True), _last_step(found[0].info.run_id)
        else:
            tags = {TAG_KIND: name.partition("-")[0]}
            opened, told = mlflow.start_run(nested=True, parent_run_id=self.run_id, run_name=name, tags=tags), -1
        with opened as run:
            yield MlflowTracker(run.info.run_id, told=told)


def attach(run_id: str) -> MlflowTracker:
    """Return the tracker of a run that another process has opened and will close."""
    connect()
    return MlflowTracker(run_id)


def _last_step(run_id: str) -> int:
    """Return the last step of a run's curves, -1 if it has none."""
    return max((each.step for each in mlflow.MlflowClient().get_metric_history(run_id, CURVE)), default=-1)


@contextmanager
def open_run(name: str) -> Iterator[MlflowTracker]:
    """Open the MLflow run of a pipeline run, creating it if this is the first step that records.

    Args:
        name: of the pipeline run.

    Yields:
        The tracker; the MLflow run ends FINISHED, or FAILED when the body raises.
    """
    connect()
    around = _surrounding_run()
    found = mlflow.search_runs(
        experiment_names=[EXPERIMENT], filter_string=f"tags.`{TAG_RUN}` = '{name}' and tags.`{TAG_KIND}` = 'run'", output_format="list"
    )
    if found:
        if TAG_FAILURE in found[0].data.tags and not job():  # it goes on; on a cluster other tasks may have failed for good
            mlflow.MlflowClient().delete_tag(found[0].info.run_id, TAG_FAILURE)
        opened = mlflow.start_run(run_id=found[0].info.run_id)
    else:
        of_job = {TAG_JOB: job()} if job() else {}
        opened = mlflow.start_run(run_name=name, tags={TAG_RUN: name, TAG_KIND: "run", **of_job, **around})
    with opened as run:
        yield MlflowTracker(run.info.run_id)


def tracker_of(name: str, version: str) -> MlflowTracker:
    """Return the tracker of the run that made a registered version; the run stays as it ended."""
    connect()
    return MlflowTracker(str(mlflow.MlflowClient().get_model_version(name, version).run_id))


def _surrounding_run() -> dict[str, str]:
    """Return the tag that nests a run in the one around `MLFLOW_RUN_ID`; none if there is no such run.

    KFP names the run of the single task there, which lies in its run of the whole pipeline: ours is of the whole pipeline too, and lies
    beside those of the tasks. The variable is taken out of the environment: MLflow would otherwise continue that run instead of opening
    ours.
    """
    parent = os.environ.pop("MLFLOW_RUN_ID", None)
    if not parent:
        return {}
    try:
        around = mlflow.get_run(parent)
    except MlflowException:
        logger.warning("MLFLOW_RUN_ID names no run of this store, so ours stands alone: %s", parent)
        return {}
    return {PARENT: str(around.data.tags.get(PARENT, parent))}
