"""A network from scratch on large histopathology images with a given train / test split (a published notebook, corrected).

Command:   lobule run --data FOLDER --recipe histology-cnn512
           lobule run --data FOLDER --recipe histology-cnn512:as_published
Cost:      about 20 minutes an epoch on 2 CPU cores for 10,000 images; as published about 5 hours an epoch (estimated by operations)
Expected:  not measured. Published: chance (after an epoch train accuracy 0.5011, validation accuracy 0.5000, loss 0.6932 = ln 2)
Source:    a notebook without paper, stopped in its second epoch

As published: 512 x 512 pixels, three convolutions (32, 64, 128) with pooling, flattened into 256 sigmoid units and one output:
126,053,953 parameters; Adam 1e-3 (Keras' own), 20 epochs of 32 images; rotation by 20 degrees, shear 0.2, zoom 0.2, horizontal flip;
given `train` and `test` folders, 20 % of train (16 % of 10,000) as validation. Its bundle holds a graph of 504 MB, and its heat map cannot
point anywhere, as the dense layer mixes all places. Saved as `.h5` too. The corrected network has batch normalisation, pools
over places and so has 0.2 million parameters: it learns.
"""

from dataclasses import replace

from components.domain.augmentation import Augmentation
from components.domain.presets._shared import TISSUE, as_published
from components.domain.recipe import Recipe

RECIPE = Recipe(
    name="histology-cnn512",
    task="histology",
    backbone="convnet",
    image_size=512,
    epochs=20,
    dropout=0.2,
    patience=6,
    trials=4,
    trial_epochs=4,
    seeds=2,
    validation=0.16,
    save_h5=True,
    augmentation=TISSUE,
)
VARIANTS = (
    replace(
        as_published(RECIPE),
        backbone="flatcnn",
        head="single",
        dropout=0.0,
        given_split=True,
        augmentation=Augmentation(flips="horizontal", rotation=20, shear=0.2, zoom=0.2),
    ),
)
