"""Pooling before a convolution of single pixels in place of after it: the same result for a quarter of the work.

Average pooling and a 1 x 1 convolution are both linear and act on different axes, so their order is free. The transitions of DenseNet
(Huang et al., CVPR 2017, section 3) convolve first; to pool first saves 8 % of all multiplications of DenseNet121 at 224 x 224.
"""

import keras


def pool_first(model: keras.Model) -> keras.Model:
    """Return the model with each average pooling in front of the 1 x 1 convolution that it follows; weights and names as they were."""
    inner = [layer for layer in model.layers if not any(layer.output is output for output in model.outputs)]
    moved = {pooling.name: convolution.name for convolution in inner for pooling in model.layers if _follows(pooling, convolution)}
    if not moved:
        return model
    convolutions: dict[str, keras.Layer] = {}

    def call(layer: keras.Layer, *args: object, **kwargs: object) -> object:
        if layer.name in moved.values():
            convolutions[layer.name] = layer
            return args[0]
        answer = layer(*args, **kwargs)
        return convolutions[moved[layer.name]](answer) if layer.name in moved else answer

    clone = keras.models.clone_model(model, call_function=call)
    clone.set_weights(model.get_weights())
    return clone


def _follows(pooling: keras.Layer, convolution: keras.Layer) -> bool:
    """Tell whether the pooling makes the answer of a linear 1 x 1 convolution smaller, which nothing else takes."""
    return (
        isinstance(pooling, keras.layers.AveragePooling2D)
        and isinstance(convolution, keras.layers.Conv2D)
        and pooling.input is convolution.output
        and len(convolution._outbound_nodes) == len(convolution._inbound_nodes) == len(pooling._inbound_nodes) == 1
        and convolution.kernel_size == convolution.strides == (1, 1)
        and convolution.activation is keras.activations.linear
        and max(pooling.strides) > 1
    )
