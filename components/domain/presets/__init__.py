"""The presets: one module a recipe, its docstring the command, the cost, the expected score and the source."""

import importlib
import pkgutil

from components.domain.errors import InputError
from components.domain.recipe import Recipe


def names() -> list[str]:
    """Return the names of all presets, sorted."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Recipe:
    """Return a preset by name.

    Raises:
        InputError: if there is none of that name.
    """
    _check(name)
    recipe = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").RECIPE
    assert isinstance(recipe, Recipe) and recipe.name == name
    return recipe


def describe(name: str) -> str:
    """Return the preset's docstring: what it is, its command, cost, expected score and source."""
    _check(name)
    return (importlib.import_module(f"{__name__}.{name.replace('-', '_')}").__doc__ or "").strip()


def _check(name: str) -> None:
    if name not in names():
        raise InputError(f"there is no recipe {name!r}; choose one of {', '.join(names())} (`lobule recipes`)")
