"""What `run` and `compile` ask alike: the recipe with its settings, and how one is chosen when none is named."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from components.domain.errors import InputError

if TYPE_CHECKING:
    from components.domain.recipe import Recipe

recipe_option = click.option(
    "--recipe", metavar="NAME", help="Preset to train, with variant and face as NAME:as_published (`lobule recipes` lists them)."
)
set_option = click.option(
    "--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change a setting of the recipe, e.g. --set epochs=20. Repeatable."
)


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that decide the recipe."""
    return recipe_option(set_option(command))


def parse_settings(settings: tuple[str, ...], *, fixed: tuple[str, ...] = ("name", "task")) -> dict[str, str]:
    """Return `--set` values by key.

    Args:
        settings: `key=value` texts.
        fixed: keys that cannot be set; a named recipe has its task in its name.

    Raises:
        InputError: if one is not of the form key=value.
    """
    parsed = {}
    for text in settings:
        key, separator, value = text.partition("=")
        if not separator or not key or not value:
            raise InputError(f"--set must be KEY=VALUE, but got {text!r}; write for example --set epochs=20")
        if key in fixed:
            raise InputError(f"--set cannot change {key!r}, which names the recipe; choose another one with --recipe")
        parsed[key] = value
    return parsed


def all_settings(
    settings: tuple[str, ...], *, trials: int | None = None, seeds: int | None = None, fixed: tuple[str, ...] = ("name", "task")
) -> dict[str, str]:
    """Return what the command line sets, options with a name of their own included."""
    own = {key: str(value) for key, value in (("trials", trials), ("seeds", seeds)) if value is not None}
    return parse_settings(settings, fixed=fixed) | own


def load_recipe(name: str, settings: tuple[str, ...], *, trials: int | None = None, seeds: int | None = None) -> "Recipe":
    """Return a preset, or the recipe that a run kept in a file, with the settings of the command line.

    Raises:
        InputError: if there is none of that name, the file holds none, or a setting is no setting.
    """
    from components.domain import presets
    from components.domain.auto import NAME
    from components.domain.recipe import read_recipe

    if name == NAME:
        raise InputError(
            "recipe auto is chosen for data on this machine, of which this command knows nothing; "
            "name a preset, or the recipe.json that a run of `lobule run --data SOURCE` kept"
        )
    recipe = read_recipe(Path(name)) if name.endswith(".json") else presets.load(name)
    return recipe.override(all_settings(settings, trials=trials, seeds=seeds))
