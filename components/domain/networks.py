"""Facts about the backbones that are needed before one is built: how large they are and what they cost.

Counted on Keras' networks (a test counts again). Costs were measured on two cores of a server processor (Sapphire Rapids, AVX-512 and AMX),
TensorFlow 2.21 in float32 with fused batch normalisation, all layers trainable, as processor time of a step of 16 images.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from components.domain.recipe import Backbone

SIDE = 224
"""Side in pixels of the images that the figures below are for; all but `parameters` and `layers` grow with the pixels."""
FEATURES = 2048
"""Numbers in an embedding, at most (InceptionV3's)."""
RATE = 33 / 2
"""Images of 224 x 224 that a core fine-tunes in a second with MobileNetV2: 33 on the two cores named above."""


@dataclass(frozen=True)
class Network:
    """A backbone in figures.

    Attributes:
        parameters: numbers in a file of its weights, without its top.
        layers: of it that have weights.
        activations: MiB of float32 feature maps of one image, over all layers: what the backward pass needs of the forward pass.
        cost: of training on an image, beside MobileNetV2.
    """

    parameters: int
    layers: int
    activations: float
    cost: float


NETWORKS: Mapping[Backbone, Network] = {
    "convnet": Network(164_264, 8, 27.9, 0.6),
    "mobilenetv2": Network(2_257_984, 104, 82.6, 1.0),
    "efficientnetb0": Network(4_049_571, 131, 95.2, 1.7),
    "densenet121": Network(7_037_504, 241, 189.9, 4.4),
    "inceptionv3": Network(21_802_784, 188, 63.3, 3.6),
    "densenet201": Network(18_321_984, 401, 294.3, 7.1),
    "flatcnn": Network(22_244_672, 4, 13.7, 0.6),
}


SLACK = 16
"""Numbers by which files of a network differ: EfficientNet's own normalisation is kept or left out. The networks lie far apart."""


def network_of(parameters: int) -> Backbone | None:
    """Return which published backbone has so many numbers in a file of its weights; None if none has.

    >>> network_of(2_257_984), network_of(3_538_984)
    ('mobilenetv2', None)
    """
    published = {name: each for name, each in NETWORKS.items() if name not in ("convnet", "flatcnn")}
    return next((name for name, each in published.items() if abs(each.parameters - parameters) <= SLACK), None)
