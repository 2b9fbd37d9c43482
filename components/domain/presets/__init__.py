"""The presets: one module a recipe, its docstring the command, the cost, the expected score and the source.

A name may be followed by a variant and a face, `ultrasound-densenet121:roi:as_published`: `as_published` is the protocol of a published
system, flaws and all; without it a preset is the corrected one. Modules with a leading underscore hold what presets share.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType

from components.domain.errors import InputError
from components.domain.recipe import Recipe

DEFAULTS = ("raw", "corrected")
"""Variant and face that may be written and need not be."""


def names() -> list[str]:
    """Return the names of all presets, sorted, without variants and faces."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def variants(name: str) -> list[str]:
    """Return what a preset can be called besides its own name: its variants and faces in full, such as `NAME:as_published`.

    Raises:
        InputError: if there is no preset of that name.
    """
    return [name for name in _recipes(name) if ":" in name]


def every() -> list[str]:
    """Return the names of all presets with all their variants and faces."""
    return [full for name in names() for full in (name, *variants(name))]


def load(name: str) -> Recipe:
    """Return a preset by name, with variant and face where it names them.

    Raises:
        InputError: if there is none of that name.
    """
    base, *rest = name.split(":")
    recipes = _recipes(base)
    full = ":".join([base, *(each for each in rest if each not in DEFAULTS)])
    if full not in recipes:
        raise InputError(f"recipe {base} has no variant {':'.join(rest)!r}; choose one of {', '.join(recipes)} (`lobule recipes`)")
    return recipes[full]


def describe(name: str) -> str:
    """Return the preset's docstring: what it is, its command, cost, expected score and source."""
    return (_module(name.partition(":")[0]).__doc__ or "").strip()


def _recipes(name: str) -> Mapping[str, Recipe]:
    """Return the preset and its variants by their full names, the preset itself first."""
    module = _module(name)
    return {recipe.name: recipe for recipe in (module.RECIPE, *getattr(module, "VARIANTS", ()))}


def _module(name: str) -> ModuleType:
    if name not in names():
        raise InputError(f"there is no recipe {name!r}; choose one of {', '.join(names())} (`lobule recipes`)")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
