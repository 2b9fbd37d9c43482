"""Which recipe a run takes when none is named: one table, from the layout of the data and whether there are weights."""

from components.domain.errors import InputError
from components.domain.recipe import FROM_SCRATCH, Recipe

CHOICES = (
    ("BUSI", True, "ultrasound-mobilenetv2", "a breast-ultrasound layout, and weights to start from"),
    ("BUSI", False, "ultrasound-mobilenetv2", "a breast-ultrasound layout"),
    ("", True, "histology-mobilenetv2", "weights to start from"),
    ("", False, "quickstart", "no weights to start from, so a small network from scratch"),
)
"""(layout, "" for any other; weights given; recipe; the reason in words). The first row that fits decides."""


def choose_recipe(layout: str, weights: str | None) -> tuple[str, str]:
    """Return the recipe for a layout and the reason for it.

    Args:
        layout: name of the layout of the data (`components.ingest.layouts`).
        weights: as given on the command line; None when it was not.
    """
    given = weights is not None and weights != "none"
    return next((recipe, reason) for name, needs, recipe, reason in CHOICES if name in ("", layout) and needs == given)


def first_weights(recipe: Recipe, given: str | None) -> str:
    """Return the weights that a run starts from: those given, or the recipe's.

    Raises:
        InputError: if some are given to a network that has none.
    """
    if given not in (None, "none") and recipe.backbone in FROM_SCRATCH:
        raise InputError(f"recipe {recipe.name} trains from scratch, but got weights {given}; leave out --weights or choose another recipe")
    return given or recipe.usual_weights
