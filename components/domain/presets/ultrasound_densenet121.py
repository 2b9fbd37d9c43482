"""DenseNet121 on breast ultrasound (BUSI layout): raw images, balanced classes, or the lesion alone (a published study, corrected).

Command:   lobule run --data FOLDER --recipe ultrasound-densenet121 --weights imagenet
           lobule run --data FOLDER --recipe ultrasound-densenet121:balanced --weights imagenet
           lobule run --data FOLDER --recipe ultrasound-densenet121:roi:as_published --weights imagenet
Cost:      about 45 minutes on 2 CPU cores for 622 images; as published about 7 hours (estimated from measured forward passes)
Expected:  not measured. Published, best validation accuracy: raw 87.18 %, balanced 93.61 %, roi 98.87 %
Source:    a study tuned by hand; Huang et al., CVPR 2017 (backbone); Al-Dhabyani et al., Data in Brief 28 (2020) 104863 (data)

As published: every layer trained for 100 epochs with Adam 1e-4; short side to size, centre crop of 224 (there: 256, then 224 of it);
raw: rotation by 5 degrees, horizontal flip; balanced: copies (rotation up to 70 degrees, flip, crop) until each class has 891;
roi: the image is cut down to its lesion mask. The split is not stated: 80 / 20 by image here, which leaks. The published one balanced
before it split, so that copies of one picture lay on both sides. That leak is not reproduced: no test image of Lobule is a copy.
`roi` is an oracle in either face, since no user has a mask: marked, and never champion. Batch size is not stated: 32.
Corrected: split by group; frozen first, then the last layers; copies only in the train split, up to its largest class.
"""

from dataclasses import replace

from components.domain.augmentation import Augmentation
from components.domain.presets._shared import SCANS, as_published, fine_tuned, transfer
from components.domain.recipe import Recipe

_EPOCHS, _RATE, _BALANCED = 100, 1e-4, "891"


def _published(corrected: Recipe) -> Recipe:
    recipe = fine_tuned(as_published(corrected), epochs=_EPOCHS, learning_rate=_RATE)
    return replace(recipe, dropout=0.0, validation=0.1, test=0.2, augmentation=Augmentation(flips="horizontal", rotation=5))


RECIPE = replace(transfer("ultrasound-densenet121", "ultrasound", "densenet121", SCANS), fit="crop")
_BALANCE = replace(RECIPE, name=f"{RECIPE.name}:balanced", balance=False, balance_to="max")
_ROI = replace(RECIPE, name=f"{RECIPE.name}:roi", roi="mask")
VARIANTS = (
    _published(RECIPE),
    _BALANCE,
    replace(_published(_BALANCE), balance_to=_BALANCED),
    _ROI,
    _published(_ROI),
)
