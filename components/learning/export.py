"""From a trained network to the graph that serving reads: ONNX, by Keras' own exporter, with the contract's names."""

import logging
from pathlib import Path

import keras
import onnx

from components.learning.network import Network
from serving.contract import GRAPH_FILE, GRAPH_INPUT, GRAPH_OUTPUTS

logger = logging.getLogger(__name__)


def export_graph(network: Network, bundle: Path) -> None:
    """Write `model.onnx`: uint8 [N, S, S, 3] -> logits [N, K], embedding [N, C], activation [N, h, w, K].

    The head is linear in the pooled features, so its weights applied at every place of the feature map give the class
    activation map (Zhou et al., CVPR 2016), whose mean over places is the logit; for such a head it equals Grad-CAM up to scale.
    """
    size = network.backbone.input_shape[1]
    image = keras.Input((size, size, 3), dtype="uint8", name=GRAPH_INPUT)
    features = network.backbone(keras.ops.cast(image, "float32"))
    embedding = keras.layers.GlobalAveragePooling2D()(features)
    logits = network.head(embedding)
    kernel, bias = network.head.get_layer("logits").get_weights()
    place = keras.layers.Conv2D(kernel.shape[1], 1)
    activation = place(features)
    place.set_weights([kernel[None, None], bias])
    path = bundle / GRAPH_FILE
    graph = keras.Model(image, [logits, embedding, activation])
    graph(keras.ops.zeros((1, size, size, 3), dtype="uint8"))  # the exporter refuses a model that was never called
    graph.export(path, format="onnx", verbose=False)
    model = onnx.load(path)
    _rename_outputs(model.graph, GRAPH_OUTPUTS)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _rename_outputs(graph: onnx.GraphProto, names: tuple[str, ...]) -> None:
    renamed = {output.name: name for output, name in zip(graph.output, names, strict=True)}
    for node in graph.node:
        node.output[:] = [renamed.get(name, name) for name in node.output]
        node.input[:] = [renamed.get(name, name) for name in node.input]
    for output in graph.output:
        output.name = renamed[output.name]
