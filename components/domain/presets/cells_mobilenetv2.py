"""MobileNetV2 on microscopic cells in folders `B` and `M` (a published comparison of three networks, corrected).

Command:   lobule run --data FOLDER --recipe cells-mobilenetv2 --weights imagenet
           lobule run --data FOLDER --recipe cells-mobilenetv2:as_published --weights imagenet
Cost:      as ultrasound-mobilenetv2 for as many images
Expected:  not measured, and no figure was published
Source:    a notebook without paper; Sandler et al., CVPR 2018 (backbone)

As published: every layer trained for 10 epochs of 32 images of 224 x 224 with Adam 1e-4; rotation (how far is not stated: 30
degrees) and both flips, no crop; new dense layers (not stated: 256 units between batch normalisation and dropout); 70 / 15 / 15 by
image, which leaks where pictures look alike. Saved as `.keras` and `.h5`. Corrected: split by group; frozen first, then the last layers.
"""

from components.domain.presets._cells import cells, cells_as_published

RECIPE = cells("mobilenetv2")
VARIANTS = (cells_as_published(RECIPE, "adam", learning_rate=1e-4),)
