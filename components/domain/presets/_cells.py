"""What the three presets on microscopic cells share."""

from dataclasses import replace

from components.domain.augmentation import Augmentation
from components.domain.presets._shared import as_published, fine_tuned, transfer
from components.domain.recipe import Backbone, Optimizer, Recipe

POLICY = Augmentation(flips="both", rotation=30, brightness=0.05, stain=0.05)


def cells(backbone: Backbone, *, image_size: int = 224) -> Recipe:
    """Return the corrected preset of a backbone: a cell fills its picture, so nothing is cropped or shifted."""
    recipe = transfer(f"cells-{backbone}", "cells", backbone, POLICY)
    return replace(recipe, image_size=image_size, head="hidden", positive=("M", "malignant"), validation=0.15, test=0.15, save_h5=True)


def cells_as_published(corrected: Recipe, optimizer: Optimizer, *, learning_rate: float) -> Recipe:
    """Return its published face."""
    recipe = fine_tuned(as_published(corrected), epochs=10, learning_rate=learning_rate)
    return replace(recipe, optimizer=optimizer, augmentation=Augmentation(flips="both", rotation=30))
