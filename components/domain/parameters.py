"""What of a recipe stands beside other runs: few settings that tell them apart, instead of all that there are.

The tracking server's tables and parallel coordinates are read across runs. The whole recipe is kept as `recipe.json`.
"""

from dataclasses import asdict

from components.domain import presets
from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe

Parameter = str | int | float | bool

SHOWN = (
    "backbone",
    "image_size",
    "fit",
    "batch_size",
    "epochs",
    "learning_rate",
    "fine_tune_epochs",
    "fine_tune_layers",
    "fine_tune_learning_rate",
    "dropout",
    "weight_decay",
    "label_smoothing",
    "patience",
    "views",
    "balance",
    "balance_to",
    "roi",
    "target_sensitivity",
    "seeds",
    "trials",
)
EFFORT = ("seeds", "trials", "trial_epochs")
"""Settings that say how hard is searched, not what is trained."""


def parameters(recipe: Recipe) -> dict[str, Parameter]:
    """Return the settings that tell runs apart; numbers are rounded to four digits, augmentation, split and optimiser are one line each.

    >>> from components.domain.presets import load
    >>> parameters(load("quickstart"))["augmentation"]
    'flips=both brightness=0.05 stain=0.05'
    """
    shown = {name: _rounded(getattr(recipe, name)) for name in SHOWN}
    fold = f" fold {recipe.fold} of {recipe.folds}" if recipe.folds else f" validation {recipe.validation:g} test {recipe.test:g}"
    return {
        **shown,
        "optimizer": f"{recipe.optimizer} {recipe.schedule}",
        "augmentation": _policy(recipe.augmentation),
        "copies": _policy(recipe.copies) if recipe.balance_to != "0" else "none",
        "split": f"seed {recipe.split_seed}{fold}",
    }


def changes(recipe: Recipe) -> str:
    """Return what a recipe changes of its preset, as `key=value` separated by blanks; how many seeds and trials is no change of it.

    >>> from components.domain.presets import load
    >>> changes(load("quickstart").override({"epochs": "3", "augmentation.rotation": "45", "seeds": "5"}))
    'augmentation.rotation=45.0 epochs=3'
    """
    if recipe.name not in presets.every():
        return ""
    preset = presets.load(recipe.name).flat()
    return " ".join(f"{key}={value}" for key, value in sorted(recipe.flat().items()) if key not in EFFORT and value != preset.get(key))


def _policy(policy: Augmentation) -> str:
    return " ".join(f"{name}={_rounded(value)}" for name, value in asdict(policy).items() if value not in (0, "none")) or "none"


def _rounded(value: Parameter) -> Parameter:
    return float(f"{value:.4g}") if isinstance(value, float) else value
