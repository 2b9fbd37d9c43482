"""How a run on a cluster stands, in the words of its pipeline.

KFP tells of its workflow engine's nodes: for the task `ingest` one of that name, `ingest-driver`, and below it one called `executor`, or
`executor(0)`, `executor(1)` where it is tried again. What counts for a user is the task; the log is the executor's.
"""

import re
from dataclasses import dataclass

import kfp_server_api

from pipelines.steps import CLUSTER, MONITORING, STEPS

SUCCEEDED, FAILED = "SUCCEEDED", "FAILED"
ENDED = (SUCCEEDED, FAILED, "SKIPPED", "CANCELED")
_STEPS = {*STEPS, *CLUSTER, *MONITORING}
_AGAIN = re.compile(r"_\d+$")
"""What KFP adds to the name of a step that stands in a pipeline twice."""
_NODE = re.compile(r"(?P<workflow>.+)-(?P<number>\d+)")
_CONTAINER = "system-container-impl"
"""Template of the engine in which a task's own container runs; part of the names of its pods."""


@dataclass(frozen=True)
class Task:
    """How a task stands.

    Attributes:
        name: of the step.
        state: as KFP calls it.
        error: what KFP says of its failure.
        pods: that may have its log, the last try first.
    """

    name: str
    state: str
    error: str
    pods: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """How a run stands.

    Attributes:
        state: as KFP calls it.
        error: what KFP says of its failure.
        tasks: that have begun, by a key of their own.
    """

    state: str
    error: str
    tasks: dict[str, Task]

    @property
    def ended(self) -> bool:
        """Return True if nothing runs any more."""
        return self.state in ENDED


def standing_of(run: kfp_server_api.V2beta1Run) -> Standing:
    """Return how a run stands, from what the server tells of it."""
    details = list(run.run_details.task_details or ()) if run.run_details else []
    nodes = {name: each for each in details for name in (each.pod_name, each.task_id) if name}
    tasks = {}
    for number, each in enumerate(details):
        name = (each.display_name or "").replace("-", "_")
        if _AGAIN.sub("", name) in _STEPS:
            tasks[each.task_id or each.pod_name or str(number)] = _task(name, each, nodes)
    return Standing(run.state or "PENDING", _message(run.error), tasks)


def _task(name: str, detail: kfp_server_api.V2beta1PipelineTaskDetail, nodes: dict[str, kfp_server_api.V2beta1PipelineTaskDetail]) -> Task:
    below, pods, errors = [detail], [], []
    for each in below:  # which grows by the executors that lie somewhere below
        errors.append(_message(each.error))
        children = [child.pod_name or child.task_id for child in each.child_tasks or ()]
        pods += [pod for pod in (each.pod_name, *children) if pod]
        below += [nodes[child] for child in children if child in nodes and _is_executor(nodes[child]) and nodes[child] not in below]
    names = dict.fromkeys(name for pod in reversed(pods) for name in (pod, _pod(pod)) if name)
    return Task(name, detail.state or "PENDING", next(filter(None, errors), ""), tuple(names))


def _is_executor(detail: kfp_server_api.V2beta1PipelineTaskDetail) -> bool:
    return (detail.display_name or "").startswith("executor")


def _pod(node: str) -> str:
    """Return the name of the pod of a node of the engine, "" where this is no such node: the template's name stands in the middle."""
    match = _NODE.fullmatch(node)
    return f"{match['workflow']}-{_CONTAINER}-{match['number']}" if match and _CONTAINER not in node else ""


def _message(error: kfp_server_api.GoogleRpcStatus | None) -> str:
    return " ".join((error.message or "").split()) if error else ""
