"""The `augment` component."""

from kfp import dsl
from kfp.dsl import HTML, Dataset, Input, Output

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def augment(dataset: Input[Dataset], recipe: str, code: str, training_set: Output[Dataset], page: Output[HTML]) -> None:
    """Take the train and validation splits, balance the classes by copies, and show what augmentation does; the test split stays out."""
    import shutil
    from pathlib import Path

    from components.augment.augment import augment_dataset
    from components.domain.console import step
    from components.domain.recipe import Recipe
    from components.tracking.failure import record_failure

    with step("augment", record_failure):
        output = Path(training_set.path)
        augment_dataset(Path(dataset.path), output, recipe=Recipe.from_json(recipe))
        shutil.copyfile(output / "augmentation_report.html", page.path)
