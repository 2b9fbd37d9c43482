"""Networks made of networks: the average of several, and one that looks at each image and its mirror image.

Either is a `Network` like any other, backbone and head, so that export, heat map, embedding and serving need to know nothing of it.
"""

from collections.abc import Sequence

import keras

from components.learning.network import Network


def ensemble(members: Sequence[Network]) -> Network:
    """Return the network whose logits are the mean of its members': their feature maps stacked, each head on its own part.

    Args:
        members: of one kind, at least two; they stay as they are and share their layers with it.
    """
    image = keras.Input(members[0].backbone.input_shape[1:])
    width, count = members[0].backbone.output_shape[-1], len(members)
    maps = [_named(member.backbone, f"backbone_{place}")(image) for place, member in enumerate(members)]
    backbone = keras.Model(image, keras.layers.Concatenate()(maps), name="ensemble")
    embedding = keras.Input((count * width,))
    parts = keras.layers.Reshape((count, width))(embedding)
    logits = []
    for place, member in enumerate(members):
        part = keras.layers.Flatten()(keras.layers.Cropping1D((place, count - 1 - place))(parts))
        logits.append(_named(member.head, f"head_{place}")(part))
    head = keras.Model(embedding, keras.layers.Average(name="logits")(logits), name="head")
    return Network(backbone, head, pretrained=members[0].pretrained)


def mirrored(network: Network) -> Network:
    """Return the network whose feature map is the mean of those of an image and of its mirror image, the latter turned back.

    For a head that is linear in the pooled features its logits are the mean of both images' logits.
    """
    image = keras.Input(network.backbone.input_shape[1:])
    backbone = _named(network.backbone, "backbone")
    other = _turned(backbone(_turned(image)))
    return Network(keras.Model(image, keras.layers.Average()([backbone(image), other]), name="mirrored"), network.head, network.pretrained)


def _turned(images: keras.KerasTensor) -> keras.KerasTensor:
    """Mirror left and right of [N, h, w, C]."""
    return keras.ops.flip(images, axis=2)


def _named(model: keras.Model, name: str) -> keras.Model:
    """Return a model of the same layers under another name: within one model names must differ."""
    return keras.Model(model.inputs, model.outputs[0], name=name)
