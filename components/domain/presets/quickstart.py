"""A small network from scratch on the histology sample: the whole way in minutes, no download.

Command:   lobule run
Cost:      to be measured
Expected:  to be measured
Source:    none; it shows the way, not a result
"""

from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe, SearchSpace

RECIPE = Recipe(
    name="quickstart",
    task="histology",
    backbone="convnet",
    image_size=64,
    epochs=14,
    trials=3,
    trial_epochs=4,
    seeds=2,
    patience=5,
    learning_rate=2e-3,
    dropout=0.2,
    augmentation=Augmentation(flips="both", brightness=0.05, stain=0.05),
    search=SearchSpace(learning_rate=(1e-3, 6e-3), dropout=(0.0, 0.4), weight_decay=(1e-6, 1e-4)),
)
