"""A small network from scratch on the histology sample: the whole way in minutes, no download.

Command:   lobule run
Cost:      2.5 minutes on 2 CPU cores, for 600 images of 128 x 128
Expected:  test AUC about 0.98, interval 0.96 to 1.00, on 118 images of 21 groups of the sample
Source:    none; it shows the way, not a result
"""

from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe
from components.domain.search_space import SearchSpace

RECIPE = Recipe(
    name="quickstart",
    task="histology",
    backbone="convnet",
    image_size=64,
    epochs=24,
    trials=4,
    trial_epochs=6,
    seeds=2,
    patience=8,
    validation=0.2,
    target_sensitivity=0.98,
    learning_rate=2e-3,
    dropout=0.2,
    augmentation=Augmentation(flips="both", brightness=0.05, stain=0.05),
    search=SearchSpace(learning_rate=(1e-3, 6e-3), dropout=(0.0, 0.4), weight_decay=(1e-6, 1e-4)),
)
