"""What `run` and `compile` ask alike: the recipe with its settings, and how one is chosen when none is named."""

from collections.abc import Callable
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


def parse_settings(settings: tuple[str, ...]) -> dict[str, str]:
    """Return `--set` values by key.

    Raises:
        InputError: if one is not of the form key=value.
    """
    parsed = {}
    for text in settings:
        key, separator, value = text.partition("=")
        if not separator or not key or not value:
            raise InputError(f"--set must be KEY=VALUE, but got {text!r}; write for example --set epochs=20")
        if key in ("name", "task"):
            raise InputError(f"--set cannot change {key!r}, which names the recipe; choose another one with --recipe")
        parsed[key] = value
    return parsed


def load_recipe(name: str, settings: tuple[str, ...], *, trials: int | None = None, seeds: int | None = None) -> "Recipe":
    """Return a preset with the settings of the command line."""
    from components.domain import presets

    changes = parse_settings(settings)
    changes |= {key: str(value) for key, value in (("trials", trials), ("seeds", seeds)) if value is not None}
    return presets.load(name).override(changes)
