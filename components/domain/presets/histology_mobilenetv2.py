"""MobileNetV2 on breast histopathology, one folder per class: frozen backbone first, then its last layers.

Command:   lobule run --data FOLDER --recipe histology-mobilenetv2 --weights imagenet
Cost:      as ultrasound-mobilenetv2 for as many images
Expected:  not measured: no histology data set of its own size has been run on it yet
Source:    Sandler et al., CVPR 2018 (backbone)
"""

from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe

RECIPE = Recipe(
    name="histology-mobilenetv2",
    task="histology",
    backbone="mobilenetv2",
    image_size=224,
    epochs=25,
    fine_tune_epochs=15,
    fine_tune_layers=60,
    learning_rate=1e-3,
    fine_tune_learning_rate=1e-4,
    dropout=0.4,
    patience=8,
    trials=8,
    trial_epochs=20,
    seeds=2,
    views=4,
    label_smoothing=0.05,
    augmentation=Augmentation(flips="both", rotation=90, zoom=0.1, brightness=0.08, contrast=0.1, stain=0.08),
)
