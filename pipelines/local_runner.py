"""The process that runs the pipeline on this machine: `python -m pipelines.local_runner SPEC`. `pipelines.supervise` starts it."""

import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

from kfp import local

from components.domain.settings import home
from pipelines.placement import Placement
from pipelines.runspec import RunSpec
from pipelines.training import training_pipeline

LOCAL = Placement(retries=0, gpus=0, pod=None)
"""On this machine a failed step is not tried again, and accelerators are used as they are found."""


def run(spec: RunSpec) -> dict[str, str]:
    """Run the pipeline in subprocesses or containers and return its outputs: text as it is, artifacts by their path."""
    warnings.filterwarnings("ignore", category=UserWarning)  # requests and limits have no effect here
    warnings.filterwarnings("ignore", category=RuntimeWarning)  # nor have image names
    local.init(runner=_runner(spec), pipeline_root=str(home() / "pipeline"), enable_caching=spec.caching)
    task: Any = training_pipeline(LOCAL)(**spec.arguments)
    return {name: getattr(value, "path", value) for name, value in task.outputs.items()}


def _runner(spec: RunSpec) -> local.SubprocessRunner | local.DockerRunner:
    if spec.on == "docker":
        from pipelines.containers import runner_for

        return runner_for(spec)
    return local.SubprocessRunner(use_venv=False)


def main() -> None:
    """Run what the specification says and write its result."""
    logging.basicConfig(level=logging.INFO)
    spec = RunSpec(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    spec.result.unlink(missing_ok=True)
    outputs = run(spec)
    spec.result.write_text(json.dumps(outputs, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
