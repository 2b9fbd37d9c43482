"""The heads: an embedding [N, C] (the pooled feature map) -> logits [N, K], in the forms that published systems have.

Two classes by a softmax of two outputs and by one sigmoid output are the same family of functions: `single` is the latter, with the
first class's logit fixed at 0.
"""

import keras

from components.domain.errors import InputError
from components.domain.recipe import Head

HIDDEN_UNITS = 256
HIDDEN_DROPOUT = 0.3


def build(kind: Head, width: int, classes: int, *, dropout: float, seed: int) -> keras.Model:
    """Build a head.

    Args:
        kind: which (`components.domain.recipe.Recipe.head`).
        width: C.
        classes: K.
        dropout: before its first dense layer.
        seed: of its dropout.

    Raises:
        InputError: if one output must tell more than two classes apart.
    """
    layers = keras.layers
    first, last = layers.Dropout(dropout, seed=seed), layers.Dense(classes, name="logits")
    if kind == "single" and classes != 2:
        raise InputError(f"head single has one output for two classes, but the data has {classes}; add --set head=linear")
    parts = {
        "linear": [first, last],
        "normalized": [first, layers.BatchNormalization(), last],
        "hidden": [
            *(layers.BatchNormalization(), first, layers.Dense(HIDDEN_UNITS, activation="relu")),
            *(layers.Dropout(HIDDEN_DROPOUT, seed=seed + 1), last),
        ],
        "single": [first, layers.Dense(1), layers.Reshape((1, 1)), layers.ZeroPadding1D((1, 0)), layers.Flatten(name="logits")],
    }
    return keras.Sequential([keras.Input((width,)), *parts[kind]], name="head")
