"""EfficientNetB0 on IDC patches, `<slide>/<0|1>/<patch>.png`, in two phases (a published notebook with a web app, corrected).

Command:   lobule run --data kaggle:paultimothymooney/breast-histopathology-images --recipe idc-efficientnetb0 --weights imagenet
           lobule run --data FOLDER --recipe idc-efficientnetb0:as_published --weights imagenet
Cost:      for all 277,524 patches about 40 minutes an epoch on 2 CPU cores; a GPU is meant (estimated from measured forward passes)
Expected:  not measured. Published: test accuracy 78.95 %, AUC 0.8552; its target was 90 %
Source:    a notebook without paper; Tan and Le, ICML 2019 (backbone); Cruz-Roa et al., SPIE 2014 (data)

As published: 96 x 96 pixels; 6 epochs over a frozen backbone, then the last 30 layers at a reduced learning rate (not stated: 1e-5 after
1e-3, for 6 epochs), best model kept; batch normalisation, dropout 0.5, dense, dropout 0.3 and the output; rotation (not stated: 20
degrees), both flips, zoom (not stated: 0.2); the split is not stated: by patch here, which leaks, since patches of one slide lie on
both sides. Pixels were scaled by hand although the network scales them itself; here they never are. Corrected: slides stay whole.
"""

from dataclasses import replace

from components.domain.augmentation import Augmentation
from components.domain.presets._shared import TISSUE, as_published, transfer

RECIPE = replace(
    transfer("idc-efficientnetb0", "histology", "efficientnetb0", TISSUE),
    head="hidden",
    image_size=96,
    batch_size=64,
    epochs=6,
    fine_tune_epochs=6,
    fine_tune_layers=30,
    dropout=0.5,
    patience=3,
    trials=4,
    trial_epochs=6,
    views=2,
)
VARIANTS = (
    replace(
        as_published(RECIPE),
        fine_tune_learning_rate=1e-5,
        augmentation=Augmentation(flips="both", rotation=20, zoom=0.2),
    ),
)
