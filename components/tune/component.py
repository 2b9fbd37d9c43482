"""The `tune` component."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def tune(training_set: Input[Dataset], recipe: str, weights: str, run: str, code: str, commit: str, study: Output[Artifact]) -> float:
    """Search the recipe's hyper-parameters; returns the best validation AUC."""
    from pathlib import Path

    from components.domain.artifacts import AUGMENTATION_FILES
    from components.domain.certificate import Certificate
    from components.domain.console import step
    from components.domain.names import TAG_WEIGHTS
    from components.domain.recipe import Recipe
    from components.domain.settings import home, optuna_storage
    from components.learning.checkpoint import checkpoints
    from components.learning.weights import resolve
    from components.tracking.failure import record_failure
    from components.tracking.mlflow_tracker import open_run
    from components.tracking.tags import run_tags
    from components.tune.tune import tune as search

    with step("tune", record_failure), open_run(run) as tracker, checkpoints(home() / "checkpoints", run, "tune") as kept:
        tracker.tags(run_tags(run, Recipe.from_json(recipe), Certificate.read(Path(training_set.path)), commit) | {TAG_WEIGHTS: weights})
        for file in AUGMENTATION_FILES:
            tracker.file(Path(training_set.path) / file)
        _, value = search(
            Path(training_set.path),
            Path(study.path),
            recipe=Recipe.from_json(recipe),
            weights=resolve(weights, cache=home()),
            name=run,
            storage=optuna_storage(),
            tracker=tracker,
            checkpoints=kept,
        )
    return value
