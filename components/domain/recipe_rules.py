"""What a recipe's settings must fulfil, each rule with its remedy: checked once, when a recipe is made."""

from typing import TYPE_CHECKING, Literal, get_args, get_origin, get_type_hints

from components.domain.errors import require

if TYPE_CHECKING:
    from components.domain.recipe import Recipe

MOST_IMAGES = 4096
"""In a batch: no accelerator holds more, and a slip of the keys does not end in its memory."""
SEEDS = 2**31
"""What every library that is seeded takes."""


def check(recipe: "Recipe") -> None:
    """Check every setting of a recipe but the parts that check themselves.

    Raises:
        InputError: in one line, for the first rule that does not hold.
    """
    for name, kind in get_type_hints(type(recipe)).items():
        if get_origin(kind) is Literal:
            choices = get_args(kind)
            require(getattr(recipe, name) in choices, f"{name} must be one of {', '.join(choices)}", getattr(recipe, name), "choose one")
    require(
        bool(recipe.positive) and all(isinstance(each, str) and each.strip() for each in recipe.positive),
        "positive must be names of classes, none empty",
        recipe.positive,
        'write it like ["malignant"]',
    )
    require(recipe.batch_size <= MOST_IMAGES, f"batch_size must be at most {MOST_IMAGES}", recipe.batch_size, "lower it")
    require(recipe.split_seed < SEEDS, f"split_seed must be below {SEEDS}", recipe.split_seed, "choose a smaller one")
    require(32 <= recipe.image_size <= 1024, "image_size must lie in [32, 1024]", recipe.image_size, "set it within")
    require(0 <= recipe.roi_margin <= 2, "roi_margin must lie in [0, 2]", recipe.roi_margin, "set it within")
    for name in ("batch_size", "trial_epochs", "seeds", "fine_tune_stages"):
        require(getattr(recipe, name) >= 1, f"{name} must be at least 1", getattr(recipe, name), "raise it")
    for name in ("epochs", "fine_tune_epochs", "fine_tune_layers", "split_seed", "views", "fine_tune_views", "patience", "trials"):
        require(getattr(recipe, name) >= 0, f"{name} must not be negative", getattr(recipe, name), "raise it")
    require(recipe.epochs + recipe.fine_tune_epochs >= 1, "epochs must be at least 1 without fine_tune_epochs", recipe.epochs, "raise it")
    require(recipe.epochs > 0 or not recipe.trials, "trials must be 0 where epochs is 0", recipe.trials, "set trials=0, or raise epochs")
    require(
        recipe.fine_tune_stages <= max(recipe.fine_tune_epochs, 1),
        "fine_tune_stages must be at most fine_tune_epochs",
        recipe.fine_tune_stages,
        "lower it, or raise the epochs",
    )
    require(not recipe.ensemble or recipe.seeds > 1, "seeds must be at least 2 for an ensemble", recipe.seeds, "raise it")
    require(
        recipe.backbone != "flatcnn" or (not recipe.ensemble and recipe.flips_at_test == "off"),
        "ensemble and flips_at_test must be off for flatcnn, whose large dense layer within another network takes 17 GB to export",
        (recipe.ensemble, recipe.flips_at_test),
        "leave both out",
    )
    for name in ("learning_rate", "fine_tune_learning_rate"):
        require(0 < getattr(recipe, name) <= 1, f"{name} must lie in (0, 1]", getattr(recipe, name), "set it within")
    for name in ("dropout", "weight_decay", "label_smoothing", "ema", "swa"):
        require(0 <= getattr(recipe, name) < 1, f"{name} must lie in [0, 1)", getattr(recipe, name), "set it within")
    require(not (recipe.ema and recipe.swa), "one of ema and swa must be 0", (recipe.ema, recipe.swa), "choose one average")
    for name in ("validation", "test", "target_sensitivity"):
        require(0 < getattr(recipe, name) < 1, f"{name} must lie in (0, 1)", getattr(recipe, name), "set it within")
    require(
        recipe.validation + recipe.test < 0.9,
        "validation + test must stay below 0.9",
        recipe.validation + recipe.test,
        "leave more to train on",
    )
    require(recipe.folds == 0 or 2 <= recipe.folds <= 20, "folds must be 0 (none) or lie in [2, 20]", recipe.folds, "set it within")
    require(0 <= recipe.fold < max(recipe.folds, 1), f"fold must lie in [0, {max(recipe.folds, 1) - 1}]", recipe.fold, "count folds from 0")

    require(
        recipe.balance_to == "max" or recipe.balance_to.isdecimal(),
        "balance_to must be a count or max",
        recipe.balance_to,
        "set 0 for none",
    )
    require(
        not recipe.copies.mixup and not recipe.copies.cutmix,
        "copies.mixup and copies.cutmix must be 0, as a copy has one label",
        (recipe.copies.mixup, recipe.copies.cutmix),
        "set them in augmentation",
    )
