"""MobileNetV2 on breast ultrasound (BUSI layout): frozen backbone first, then its last layers.

Command:   lobule run --data FOLDER --recipe ultrasound-mobilenetv2 --weights imagenet
Cost:      5 to 8 minutes on 2 CPU cores, for 622 images of 256 x 256
Expected:  macro test AUC about 0.94, interval 0.90 to 0.97, on 126 of those 622 BUSI images, in 94 groups
Source:    Sandler et al., CVPR 2018 (backbone); Al-Dhabyani et al., Data in Brief 28 (2020) 104863 (data)
"""

from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe

RECIPE = Recipe(
    name="ultrasound-mobilenetv2",
    task="ultrasound",
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
    augmentation=Augmentation(flips="horizontal", rotation=8, zoom=0.1, translation=0.05, brightness=0.08, contrast=0.15),
)
