"""Studies as workers run them, here in the process of the tests."""

import pytest

from components.domain.tracking import NoTracker
from components.tune.orders import Orders


@pytest.fixture
def orders_for(tiny_training_set, tiny_recipe, tmp_path):
    """Makes the orders of a study on the tiny data set, with some settings of the recipe changed."""

    def orders(*, name="s", storage=f"sqlite:///{tmp_path}/optuna.db", checkpoints=tmp_path / "checkpoints", **settings):
        recipe = tiny_recipe.override({key.replace("__", "."): str(value) for key, value in settings.items()})
        return Orders(tiny_training_set, recipe, None, name, storage, checkpoints=checkpoints)

    return orders


@pytest.fixture
def searched():
    """Runs a study as one worker does it, without a process of its own."""
    from components.tune.tune import create, finish
    from components.tune.worker import work

    def search(orders, output, tracker=None):
        study = create(orders)
        work(orders, tracker or NoTracker())
        return study, finish(study, output, recipe=orders.recipe, tracker=tracker or NoTracker())

    return search
