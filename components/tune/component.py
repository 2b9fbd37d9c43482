"""The `tune` component."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def tune(
    training_set: Input[Dataset],
    recipe: str,
    weights: str,
    run: str,
    code: str,
    commit: str,
    study: Output[Artifact],
    workers: int = 1,
    part: str = "study",
    choices: str = "",
) -> float:
    """Search the recipe's hyper-parameters; returns the best validation AUC.

    `part` is `study` for all of it, with `workers` processes on one machine. Pods share a study so: one task with `create`, then any
    number with `work` (`workers` says how many; they return 0), then one with `study`, which runs what they left and writes the result.
    """
    from pathlib import Path

    from components.domain.artifacts import AUGMENTATION_FILES
    from components.domain.certificate import Certificate
    from components.domain.console import step
    from components.domain.names import TAG_WEIGHTS
    from components.domain.recipe import Recipe
    from components.domain.settings import home, optuna_storage
    from components.domain.study import write_choices
    from components.learning.checkpoint import checkpoints
    from components.learning.weights import resolve
    from components.tracking.failure import record_failure
    from components.tracking.mlflow_tracker import open_run
    from components.tracking.tags import run_tags
    from components.tune.orders import Orders
    from components.tune.tune import create, share
    from components.tune.tune import tune as search

    place = Path(training_set.path)
    with (
        step("tune", record_failure),
        open_run(run) as tracker,
        checkpoints(home() / "checkpoints", run, "tune", keep=part != "study") as kept,
    ):
        orders = Orders(
            training_set=place,
            recipe=Recipe.from_json(recipe),
            weights=resolve(weights, cache=home()),
            name=run,
            storage=optuna_storage(),
            workers=workers,
            run_id=tracker.run_id,
            checkpoints=kept,
            store=home() / "features",
        )
        if part == "create":
            create(orders)
        elif part == "work":
            share(orders)
        else:
            tracker.tags(run_tags(run, orders.recipe, Certificate.read(place), commit, choices=choices) | {TAG_WEIGHTS: weights})
            if choices:
                tracker.file(write_choices(Path(study.path), choices))
            for file in AUGMENTATION_FILES:
                tracker.file(place / file)
            return search(orders, Path(study.path), tracker=tracker)[1]
    return 0.0
