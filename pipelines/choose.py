"""What a run trains when the user leaves it open: the recipe that the rules choose for data and machine, and the weights it starts from."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from components.domain.auto import NAME, Chosen, choose
from components.domain.auto_rules import RULES
from components.domain.errors import InputError
from components.domain.networks import NETWORKS, network_of
from components.domain.recipe import FROM_SCRATCH, Backbone, Recipe
from components.domain.settings import home
from components.ingest.fingerprint import take_fingerprint
from components.ingest.ingest import require_classes
from components.ingest.layouts import list_images
from components.ingest.source import origin
from components.learning.imagenet import any_kept, bring_for, reachable
from components.learning.weights import numbers_in, require_fits, resolve
from pipelines.machine import measure_machine

logger = logging.getLogger(__name__)
QUICKSTART = "quickstart"


def named_recipe(recipe: str | None, source: str | None, weights: str | None) -> str:
    """Return the recipe that was named; else `auto` for data or weights of the user's own, and the quickstart without either."""
    return recipe or (NAME if source or weights not in (None, "none") else QUICKSTART)


def choose_recipe(root: Path, *, weights: str | None, given: Mapping[str, str]) -> Chosen:
    """Choose a recipe for a source, with weights that are here, and tell it line by line.

    Args:
        root: of the source.
        weights: as the user named them; None leaves them to the rules, which take those of ImageNet where they can be had.
        given: settings by the user, as texts.

    Raises:
        InputError: for a setting that no recipe has, a source that no recipe can be trained on, or weights that cannot be used.
    """
    listing = list_images(root)
    fits = _file_fits(weights, given.get("backbone")) if weights not in (None, "none", "imagenet") else ""
    had = weights == "imagenet" or (weights is None and (any_kept() or reachable()))
    data = take_fingerprint(listing, machine=measure_machine(), imagenet=had, fits=fits)
    chosen = choose(RULES, data, given=given, weights=weights)
    require_classes(list(data.classes), origin(root), chosen.recipe)
    if chosen.weights == "imagenet":
        try:
            bring_for(chosen.recipe)
        except InputError as error:
            if weights is not None:
                raise
            logger.warning("%s", error)
            chosen = choose(RULES, replace(data, imagenet=False), given=given)
    for line in (f"recipe {NAME}, chosen for {data.words()}", *chosen.lines):
        logger.info("%s", line)
    return chosen


def preview(root: Path) -> Chosen:
    """Return what would be chosen for a source with the weights that are on this machine, without downloading any.

    Raises:
        InputError: if none of its images can be read.
    """
    data = take_fingerprint(list_images(root), machine=measure_machine(), imagenet=any_kept())
    return choose(RULES, data, given={})


def first_weights(recipe: Recipe, given: str | None) -> str:
    """Return the weights that a run starts from: those given, or the recipe's.

    Raises:
        InputError: if some are given to a network that has none, or a file is of another network.
    """
    if given not in (None, "none") and recipe.backbone in FROM_SCRATCH:
        raise InputError(f"recipe {recipe.name} trains from scratch, but got weights {given}; leave out --weights or choose another recipe")
    return given or recipe.usual_weights


def require_weights(weights: str, recipe: Recipe) -> None:
    """See to it that the weights are here before any work.

    Raises:
        InputError: if they cannot be had, or are of another network; the message names the remedy.
    """
    if weights == "imagenet":
        bring_for(recipe)
        return
    path = resolve(weights, cache=home())
    if path is not None:
        require_fits(Path(path), recipe.backbone)


def _file_fits(weights: str | None, backbone: str | None) -> Backbone | str:
    """Return the backbone of a file of weights, or the one that the user set where the file does not tell."""
    path = resolve(weights or "none", cache=home())
    found = network_of(numbers_in(Path(path)) or 0) if path is not None else None
    if found is None and backbone is None:
        known = ", ".join(name for name in NETWORKS if name not in FROM_SCRATCH)
        raise InputError(f"weights must be of one of {known}, without its top, but {weights} is like none of them; add --set backbone=NAME")
    return found or backbone or ""
