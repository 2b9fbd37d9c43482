"""Where a partly frozen backbone can be cut: what lies before the cut never changes, so its answer to an image is computed once.

The cut is the last place before the first trainable layer that all paths pass: a residual block's sum, a dense block's stack. Frozen
layers work there as in inference; that also holds for the random depth that EfficientNet has in training.
"""

from dataclasses import dataclass

import keras

from components.learning.network import Network, body, scaling


@dataclass(frozen=True)
class Cut:
    """A backbone in two models that share its layers.

    Attributes:
        before: float [N, S, S, 3] -> features [N, ...]; nothing in it is trainable.
        after: features -> feature map [N, h, w, C].
    """

    before: keras.Model
    after: keras.Model


def cut(network: Network) -> Cut | None:
    """Cut the backbone as late as its frozen layers allow; None where no frozen layer with weights could be spared."""
    whole = body(network.backbone)
    place = _last_frozen(whole)
    if place is None:
        return None
    before, after = keras.Model(whole.inputs, place), keras.Model(place, whole.outputs[0])
    image, scaled = scaling(network.backbone)
    return Cut(keras.Model(image, before(scaled)), after)


def _last_frozen(model: keras.Model) -> keras.KerasTensor | None:
    """Return the last tensor before anything trainable that alone carries all that later layers need."""
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    uses: dict[int, int] = {}
    for node in nodes:
        for tensor in node.input_tensors:
            uses[id(tensor)] = uses.get(id(tensor), 0) + 1
    open_tensors: dict[int, keras.KerasTensor] = {}
    place, spared = None, False
    for node in nodes:
        if node.operation.trainable_variables if isinstance(node.operation, keras.layers.Layer) else False:
            break
        for tensor in node.input_tensors:
            uses[id(tensor)] -= 1
            if not uses[id(tensor)]:
                open_tensors.pop(id(tensor), None)
        open_tensors |= {id(tensor): tensor for tensor in node.outputs}
        spared = spared or bool(getattr(node.operation, "weights", []))
        if spared and len(open_tensors) == 1:
            place = next(iter(open_tensors.values()))
    return place if place is not None and place is not model.outputs[0] else None
