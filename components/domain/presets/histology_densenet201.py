"""DenseNet201 as a feature extractor on breast histopathology, one folder per class (a published notebook, corrected).

Command:   lobule run --data FOLDER --recipe histology-densenet201 --weights imagenet
           lobule run --data FOLDER --recipe histology-densenet201:as_published --weights imagenet
Cost:      about an hour on 2 CPU cores for 600 images (estimated from measured forward passes of DenseNet121)
Expected:  not measured. Published: train accuracy above 92 %, validation accuracy at most about 64 %
Source:    a notebook without paper; Huang et al., CVPR 2017 (backbone)

As published: 7 epochs of 16 images, all used, over a frozen backbone; global average pooling, dropout 0.5, batch normalisation and two
outputs; Adam 1e-4, lowered when validation accuracy stands still (how fast is not stated: by 0.2 after 3 epochs); rotation by 90
degrees, both flips and `zoom_range=2`, a zoom factor between -1 and 3; shuffled 80 / 20. The 20 % are the test split here; the tenth of
all images that chooses epoch and threshold is taken
out of the 80. Corrected: split by group, a sane zoom, and a second phase that trains the last layers.
"""

from dataclasses import replace

from components.domain.augmentation import Augmentation
from components.domain.presets._shared import TISSUE, as_published, transfer

RECIPE = replace(transfer("histology-densenet201", "histology", "densenet201", TISSUE), head="normalized", batch_size=16, dropout=0.5)
VARIANTS = (
    replace(
        as_published(RECIPE),
        epochs=7,
        fine_tune_epochs=0,
        learning_rate=1e-4,
        schedule="plateau",
        validation=0.1,
        test=0.2,
        augmentation=Augmentation(flips="both", rotation=90, zoom=2),
    ),
)
