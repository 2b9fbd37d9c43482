"""What a step uses of a recipe, so that a step whose part did not change does no work again.

A part is a recipe too: every setting that the step does not look at has its default. Its JSON keys the cache of the step, on this
machine and on a cluster; `--set epochs=5` then decodes no image again. What was made with another part is told by
`require_made_for`, because whoever edits the parameters of a compiled pipeline by hand can change one and forget the other.
"""

import json
from collections.abc import Mapping
from dataclasses import fields

from components.domain.errors import RefusedError
from components.domain.recipe import Recipe

INGEST = (
    *("positive", "image_size", "fit", "roi", "roi_margin"),
    *("split_seed", "validation", "test", "folds", "fold", "given_split", "leaks"),
)
"""Settings that decide the data set."""
AUGMENT = ("name", "split_seed", "balance_to", "copies", "augmentation")
"""Settings that decide the training set of a data set; the name stands on its page."""
PARTS = {"ingest": INGEST, "augment": AUGMENT}


def part_of(recipe: Recipe, step: str) -> Recipe:
    """Return a recipe with the settings that a step uses, all others at their default.

    Args:
        recipe: the whole recipe.
        step: one of `PARTS`.
    """
    used = PARTS[step]
    if step == "ingest" and recipe.roi == "none":
        used = tuple(name for name in used if name != "roi_margin")
    whole = {each.name: getattr(recipe, each.name) for each in fields(recipe)}
    return Recipe(**{"name": "", "task": "histology", "backbone": "convnet"} | {name: whole[name] for name in used})


def part_json(recipe: Recipe, step: str) -> str:
    """Return the part of a recipe that a step uses, as `Recipe.from_json` reads it."""
    return part_of(recipe, step).to_json()


def require_made_for(made_with: Mapping[str, str], recipe: Recipe) -> None:
    """Check that data was prepared with the settings of the recipe that is trained.

    Args:
        made_with: JSON of the part by step, as the artifact notes it (`Dataset.made_with`); a step that is not there is not checked.
        recipe: that is trained.

    Raises:
        RefusedError: naming the settings that differ.
    """
    for step, text in made_with.items():
        before, now = json.loads(text), json.loads(part_json(recipe, step))
        other = [name for name in PARTS[step] if before.get(name) != now[name]]
        if other:
            raise RefusedError(
                f"data must be prepared with the recipe that is trained, but {step} had another {', '.join(other)}; "
                f"give the parameter {step}_recipe the same settings as recipe, or run the step again"
            )
