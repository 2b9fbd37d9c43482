"""The `train` component."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def train(
    training_set: Input[Dataset], study: Input[Artifact], weights: str, run: str, code: str, commit: str, candidates: Output[Model]
) -> float:
    """Train the study's best recipe once per seed; returns the chosen model's validation AUC."""
    from pathlib import Path

    from components.domain.console import step
    from components.domain.settings import home
    from components.learning.checkpoint import checkpoints
    from components.learning.weights import resolve
    from components.tracking.failure import record_failure
    from components.tracking.mlflow_tracker import open_run
    from components.train.train import train_models

    with step("train", record_failure), open_run(run) as tracker, checkpoints(home() / "checkpoints", run, "train") as kept:
        result = train_models(
            Path(training_set.path),
            Path(study.path),
            Path(candidates.path),
            weights=resolve(weights, cache=home()),
            code=code,
            commit=commit,
            tracker=tracker,
            checkpoints=kept,
            store=home() / "features",
        )
    return result.validation_auc[result.chosen]
