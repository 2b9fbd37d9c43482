"""What a study of a recipe varies: ranges and choices by the name of the setting. What is left empty stays as the recipe has it."""

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from components.domain.errors import InputError, require

if TYPE_CHECKING:
    from components.domain.recipe import Recipe

Setting = float | int | str
LOG = ("learning_rate", "fine_tune_learning_rate", "weight_decay")
"""Ranges that vary on a log scale."""
CHOICES = ("batch_size", "optimizer", "downscale", "backbone", "augmentation_strength")
SECOND_PHASE = ("fine_tune_learning_rate", "fine_tune_layers")
"""What only a trial that trains the second phase can judge."""
STRENGTH = "augmentation_strength"
LEAST_SIDE = 32
"""Pixels that the smallest networks need."""
_WHOLE, _MOST_LAYERS = ("fine_tune_layers", "batch_size", "downscale"), 1000


@dataclass(frozen=True)
class Range:
    """All numbers from low to high; whole ones, or on a log scale, where it says so."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


Dimension = Range | tuple[Setting, ...]
"""A range, or the values to choose among."""


@dataclass(frozen=True)
class SearchSpace:
    """What the study varies. An empty setting is not varied.

    The first five are ranges, (low, high); equal ends fix the value. The others are values to choose among, beside the recipe's own.
    Learning rates, and weight decay from above 0, vary on a log scale.

    Trials of a frozen backbone learn from embeddings that are computed once: `learning_rate`, `dropout`, `weight_decay`, `batch_size`
    and `optimizer` cost seconds each. For each strength, downscale and backbone there are embeddings of their own. `fine_tune_...` is
    judged by training the second phase too, which costs minutes a trial.

    Attributes:
        learning_rate, dropout, weight_decay, fine_tune_learning_rate, fine_tune_layers: ranges of the recipe's settings.
        batch_size, optimizer, downscale, backbone: values of the recipe's settings.
        augmentation_strength: factors on the augmentation policy.
    """

    learning_rate: tuple[float, ...] = (3e-4, 3e-3)
    dropout: tuple[float, ...] = (0.1, 0.5)
    weight_decay: tuple[float, ...] = (1e-6, 1e-3)
    fine_tune_learning_rate: tuple[float, ...] = ()
    fine_tune_layers: tuple[int, ...] = ()
    augmentation_strength: tuple[float, ...] = ()
    batch_size: tuple[int, ...] = ()
    optimizer: tuple[str, ...] = ()
    downscale: tuple[int, ...] = ()
    backbone: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            name, values = field.name, getattr(self, field.name)
            if name not in CHOICES and values:
                _check_range(name, values)
            if name in _WHOLE:
                whole = all(type(each) is int and each >= 1 for each in values)
                require(whole, f"search.{name} must be whole numbers from 1", values, "write them like [16, 32]")
        strengths = all(type(each) in (int, float) and 0 <= each <= 3 for each in self.augmentation_strength)
        require(strengths, f"search.{STRENGTH} must be factors in [0, 3]", self.augmentation_strength, "write them like [0.5, 1, 1.5]")
        for name in ("optimizer", "backbone"):
            words = all(isinstance(each, str) for each in getattr(self, name))
            require(words, f"search.{name} must be names", getattr(self, name), 'write them like ["adam"]')
        for name in ("learning_rate", "fine_tune_learning_rate"):
            low = min(getattr(self, name), default=1)
            require(low > 0, f"search.{name} must be positive", getattr(self, name), "raise the low end")
        for name in ("dropout", "weight_decay"):
            high = max(getattr(self, name), default=0)
            require(high < 1, f"search.{name} must be below 1", getattr(self, name), "lower the high end")


def _check_range(name: str, values: tuple[float, ...]) -> None:
    most = _MOST_LAYERS if name in _WHOLE else 1
    numbers = len(values) == 2 and all(type(end) in (int, float) and math.isfinite(end) for end in values)
    require(
        numbers and 0 <= values[0] <= values[1] <= most,
        f"search.{name} must be two numbers, 0 <= low <= high <= {most}",
        values,
        f"write them like {'[20, 100]' if name in _WHOLE else '[0.1, 0.5]'}",
    )


USUAL = SearchSpace()
"""The default: what suits a head on a frozen backbone and a small network alike."""


def check_choices(recipe: "Recipe") -> None:
    """Check what a recipe's space names against the recipe: its choices must be such that the recipe itself could have.

    Raises:
        InputError: for the first that is not.
    """
    from components.domain.recipe import Backbone, Optimizer

    for name, known in (("optimizer", get_args(Optimizer)), ("backbone", get_args(Backbone))):
        for value in getattr(recipe.search, name):
            require(value in known, f"search.{name} must be of {', '.join(known)}", value, "choose among them")
    size = recipe.image_size
    for name, values in (("downscale", (recipe.downscale,)), ("search.downscale", recipe.search.downscale)):
        for each in values:
            fits = type(each) is int and each >= 1 and size % each == 0 and (each == 1 or size // each >= LEAST_SIDE)
            require(fits, f"{name} must divide image_size {size} and leave {LEAST_SIDE} pixels", each, "choose another, or another size")


def dimensions(recipe: "Recipe", weights: str | None) -> tuple[dict[str, Dimension], dict[str, str]]:
    """Return what a study of a recipe varies, by name, and what its space names in vain, with the reason.

    Args:
        recipe: with its space.
        weights: of the backbone; None trains it from scratch, which leaves no second phase.

    Raises:
        InputError: if backbones are to be tried whose weights cannot be had.
    """
    require_backbones(recipe, weights or "none")
    second = weights is not None and recipe.fine_tune_epochs > 0
    found: dict[str, Dimension] = {}
    idle: dict[str, str] = {}
    for field in dataclasses.fields(recipe.search):
        name, values = field.name, getattr(recipe.search, field.name)
        if not values:
            continue
        if name in SECOND_PHASE and not second:
            idle[name] = "there is no second phase"
        elif name in CHOICES:
            own = 1.0 if name == STRENGTH else getattr(recipe, name)
            found[name] = tuple(sorted({*values, own}))
        else:
            low, high = values
            found[name] = Range(low, high, log=name in LOG and low > 0, whole=name in _WHOLE)
    return found, idle


def as_it_stands(recipe: "Recipe", names: "dict[str, Dimension]") -> dict[str, Setting]:
    """Return the recipe's own values of what is varied: the settings of the first trial."""
    return {name: 1.0 if name == STRENGTH else getattr(recipe, name) for name in names}


def with_settings(recipe: "Recipe", settings: dict[str, Setting]) -> "Recipe":
    """Return a recipe with a trial's settings.

    >>> from components.domain.presets import load
    >>> tried = with_settings(load("histology-mobilenetv2"), {"dropout": 0.25, "optimizer": "adam", "augmentation_strength": 0.5})
    >>> tried.dropout, tried.optimizer, tried.augmentation.rotation
    (0.25, 'adam', 45.0)
    """
    plain = {name: value if isinstance(value, str) else repr(value) for name, value in settings.items() if name != STRENGTH}
    changed = recipe.override(plain)
    policy = recipe.augmentation.scaled(float(settings.get(STRENGTH, 1.0)))
    return dataclasses.replace(changed, augmentation=policy)


def require_backbones(recipe: "Recipe", weights: str) -> None:
    """Check that the weights of every backbone that is to be tried can be had.

    Args:
        recipe: with its space.
        weights: imagenet, none, a file or an address.

    Raises:
        InputError: if not.
    """
    from components.domain.recipe import FROM_SCRATCH

    others = [name for name in recipe.search.backbone if name != recipe.backbone]
    if others and weights not in ("imagenet", "none"):
        raise InputError(
            f"search.backbone can be varied with --weights imagenet or none, but got {weights}, which fits {recipe.backbone} alone; "
            "add --set search.backbone=[]"
        )
    scratch = [name for name in others if name in FROM_SCRATCH]
    if scratch and weights == "imagenet":
        raise InputError(f"search.backbone must have ImageNet weights to start from, but {scratch[0]} has none; leave it out")
