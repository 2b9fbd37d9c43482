"""The `register` component."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Model

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def register(candidates: Input[Model], dataset: Input[Dataset], report: Input[Metrics], run: str, code: str) -> str:
    """Register the chosen bundle as the challenger; waits for the report, so that nothing unevaluated is registered."""
    from pathlib import Path

    from components.domain.console import step
    from components.register.register import register_model
    from components.tracking.failure import record_failure
    from components.tracking.mlflow_tracker import open_run

    with step("register", record_failure), open_run(run) as tracker:
        return register_model(Path(candidates.path), Path(dataset.path), run=run, tracker=tracker)
