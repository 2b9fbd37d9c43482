"""From a trained network to the graph that serving reads: ONNX, by Keras' own exporter, with the contract's names."""

import logging
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import onnx

from components.learning.elsewhere import export_elsewhere
from components.learning.fused import unfuse
from components.learning.network import Network
from serving.contract import GRAPH_FILE, GRAPH_INPUT, GRAPH_OUTPUTS

LARGEST = 2**24
"""Numbers of a kernel that the converter is given as a constant: it copies each several times, one of 500 MB to above 17 GB."""
logger = logging.getLogger(__name__)


def export_graph(network: Network, bundle: Path) -> None:
    """Write `model.onnx`: uint8 [N, S, S, 3] -> logits [N, K], embedding [N, C], activation [N, h, w, K].

    The activation is what the head answers to each place of the feature map alone. For a head that is linear in the pooled features
    this is the class activation map (Zhou et al., CVPR 2016), whose mean over places is the logit; it equals Grad-CAM up to scale.
    """
    if keras.backend.backend() != "tensorflow":
        export_elsewhere(network, bundle)
        return
    size = network.backbone.input_shape[1]
    image = keras.Input((size, size, 3), dtype="uint8", name=GRAPH_INPUT)
    kernels: dict[keras.KerasTensor, npt.NDArray[np.float32]] = {}
    features = _answer(network.backbone, keras.ops.cast(image, "float32"), kernels)
    embedding = keras.layers.GlobalAveragePooling2D()(features)
    logits = network.head(embedding)
    _, height, width, channels = features.shape
    places = network.head(keras.ops.reshape(features, (-1, channels)))
    activation = keras.ops.reshape(places, (-1, height, width, logits.shape[-1]))
    path = bundle / GRAPH_FILE
    graph = keras.Model([image, *kernels], [logits, embedding, activation])
    sample = [keras.ops.zeros((1, size, size, 3), dtype="uint8"), *(keras.ops.zeros(kernel.shape) for kernel in kernels)]
    graph(sample)  # the exporter refuses a model that was never called
    graph.export(path, format="onnx", verbose=False)
    model = onnx.load(path)
    _hold(model.graph, {kernel.name: values for kernel, values in kernels.items()})
    _rename_outputs(model.graph, GRAPH_OUTPUTS)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def save_keras(network: Network, path: Path, *, h5: bool = False) -> None:
    """Write the network as Keras keeps models: uint8 RGB [N, S, S, 3] -> probabilities [N, K], loadable with Keras alone.

    It was never compiled, so no state of an optimiser makes it three times as large.

    Args:
        network: as trained.
        path: of the file, without its suffix `.keras`.
        h5: write a legacy `.h5` file too.
    """
    backbone = unfuse(network.backbone)
    image = keras.Input(backbone.input_shape[1:], dtype="uint8", name=GRAPH_INPUT)
    features = backbone(keras.layers.Rescaling(1.0)(image))  # to float, by a layer that every format knows
    head = keras.models.clone_model(network.head)
    head.set_weights(network.head.get_weights())
    logits = head(keras.layers.GlobalAveragePooling2D()(features))
    model = keras.Model(image, keras.layers.Softmax(name="probabilities")(logits), name="classifier")
    model.save(path.with_name(f"{path.name}.keras"))
    if h5:
        model.save(path.with_name(f"{path.name}.h5"))


def _answer(
    backbone: keras.Model, pixels: keras.KerasTensor, kernels: dict[keras.KerasTensor, npt.NDArray[np.float32]]
) -> keras.KerasTensor:
    """Return a backbone's features. A kernel that is too large for the converter becomes an input of the graph, noted in `kernels`."""
    if not any(_is_large(layer) for layer in backbone.layers):
        return backbone(pixels)
    assert all(after.input is before.output for before, after in pairwise(backbone.layers)), "a layer so large stands in a chain of layers"
    answer = pixels
    for layer in backbone.layers[1:]:
        if not _is_large(layer):
            answer = layer(answer)
            continue
        kernel = keras.Input(batch_shape=layer.kernel.shape, name=f"kernel_{len(kernels)}")
        kernels[kernel] = np.asarray(layer.kernel)
        answer = layer.activation(keras.ops.matmul(answer, kernel) + np.asarray(layer.bias))
    return answer


def _is_large(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.Dense) and int(np.prod(layer.kernel.shape)) > LARGEST


def _hold(graph: onnx.GraphProto, values: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Make constants of a graph's inputs."""
    for place in [each for each in graph.input if each.name in values]:
        graph.input.remove(place)
        graph.initializer.append(onnx.numpy_helper.from_array(values[place.name], place.name))


def _rename_outputs(graph: onnx.GraphProto, names: tuple[str, ...]) -> None:
    renamed = {output.name: name for output, name in zip(graph.output, names, strict=True)}
    for node in graph.node:
        node.output[:] = [renamed.get(name, name) for name in node.output]
        node.input[:] = [renamed.get(name, name) for name in node.input]
    for output in graph.output:
        output.name = renamed[output.name]
