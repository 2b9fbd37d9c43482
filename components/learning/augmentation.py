"""Augmentation as Keras layers: it runs inside the training graph, on the accelerator, and never in the exported model.

The layers that keep an image's label are `build`; those that blend labels too are `components.learning.mixing`.
"""

from dataclasses import dataclass, field

import keras

from components.domain.augmentation import Augmentation
from components.learning.geometry_layers import Warp, WideZoom
from components.learning.random_layer import VALUE_RANGE
from components.learning.stain_layers import ChannelJitter, StainJitter
from components.learning.ultrasound_layers import Gain, Speckle

RANDOM_OPERATIONS = 2
"""Operations of RandAugment for each batch, as published."""


@dataclass(frozen=True)
class _Layer:
    """A layer of a policy: whether it is on, its class, and its arguments but the seed."""

    on: bool
    make: type[keras.layers.Layer]
    arguments: tuple[object, ...]
    options: dict[str, object] = field(default_factory=dict)


def build(policy: Augmentation, image_size: int, *, seed: int) -> keras.Model:
    """Build the policy: float images [N, S, S, 3] in [0, 255] -> the same, changed only when called with training=True.

    Args:
        policy: how far each change goes.
        image_size: S, in pixels.
        seed: of all random changes; layer i takes seed + i.
    """
    chosen = [each for each in _layers(policy) if each.on]
    layers = [each.make(*each.arguments, seed=seed + place, **each.options) for place, each in enumerate(chosen)]
    nothing = [keras.layers.Identity()]  # Keras does not call a model without layers
    return keras.Sequential([keras.Input((image_size, image_size, 3)), *(layers or nothing)], name="augmentation")


def _layers(policy: Augmentation) -> list[_Layer]:
    """Return every layer in the order in which they run: geometry, then tone, then colour, then noise."""
    layers, wide = keras.layers, policy.zoom >= 1
    flips = "horizontal" if policy.flips == "horizontal" else "horizontal_and_vertical"
    zoom = 0.0 if wide else policy.zoom
    warps = max(policy.rotation, zoom, policy.translation, policy.shear, policy.crop) > 0
    warp: dict[str, object] = {"flips": policy.flips, "zoom": zoom}
    warp |= {name: getattr(policy, name) for name in ("rotation", "translation", "shear", "crop")}
    ranged: dict[str, object] = {"value_range": VALUE_RANGE}
    return [
        _Layer(policy.flips != "none" and not warps, layers.RandomFlip, (flips,)),
        _Layer(warps, Warp, (), warp),
        _Layer(wide, WideZoom, (policy.zoom,)),
        _Layer(policy.brightness > 0, layers.RandomBrightness, (policy.brightness,), ranged),
        _Layer(policy.contrast > 0, layers.RandomContrast, ((policy.contrast, policy.contrast),), ranged),  # one number would only raise it
        _Layer(policy.stain > 0, ChannelJitter, (policy.stain,)),
        _Layer(policy.hed > 0, StainJitter, (policy.hed,)),
        _Layer(policy.grayscale > 0, layers.RandomGrayscale, (policy.grayscale,)),
        _Layer(policy.gain > 0, Gain, (policy.gain,)),
        _Layer(policy.speckle > 0, Speckle, (policy.speckle,)),
        _Layer(policy.randaugment > 0, layers.RandAugment, (), {**ranged, "num_ops": RANDOM_OPERATIONS, "factor": policy.randaugment}),
    ]
