"""The `augment` component."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def augment(dataset: Input[Dataset], recipe: str, code: str, training_set: Output[Dataset]) -> None:
    """Take the train and validation splits and the augmentation policy; the test split stays out."""
    from pathlib import Path

    from components.augment.augment import augment_dataset
    from components.domain.console import step
    from components.domain.recipe import Recipe

    with step("augment"):
        augment_dataset(Path(dataset.path), Path(training_set.path), recipe=Recipe.from_json(recipe))
