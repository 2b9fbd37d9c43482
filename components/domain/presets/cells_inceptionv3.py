"""InceptionV3 on microscopic cells in folders `B` and `M` (a published comparison of three networks, corrected).

Command:   lobule run --data FOLDER --recipe cells-inceptionv3 --weights imagenet
           lobule run --data FOLDER --recipe cells-inceptionv3:as_published --weights imagenet
Cost:      about 80 minutes on 2 CPU cores for 600 images (estimated by operations)
Expected:  not measured, and no figure was published
Source:    a notebook without paper; Szegedy et al., CVPR 2016 (backbone)

As published: every layer trained for 10 epochs of 32 images of 299 x 299 with RMSprop 1e-5; rotation (how far is not stated: 30
degrees) and both flips, no crop; new dense layers (not stated: 256 units between batch normalisation and dropout); 70 / 15 / 15 by
image, which leaks where pictures look alike. Saved as `.keras` and `.h5`. Corrected: split by group; frozen first, then the last layers.
"""

from components.domain.presets._cells import cells, cells_as_published

RECIPE = cells("inceptionv3", image_size=299)
VARIANTS = (cells_as_published(RECIPE, "rmsprop", learning_rate=1e-5),)
