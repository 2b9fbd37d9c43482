"""`make bench-gpu`: how well training uses a card: images a second, share of its matrix units' peak, memory, and what the input costs.

The recipes' networks at their sizes and batches, each in a process of its own, in what training takes by itself: bfloat16 on an
accelerator (`components.learning.devices`). All layers are trained, two ways:

- `step`: one batch that lies on the card, again and again (`train_on_batch`, which waits for its loss): what the card can do;
- `training`: an epoch as `lobule run` trains, from uint8 arrays with augmentation in the graph. What it takes beyond the step is the
  input's share: gathering, copying, augmenting, and Keras' loop.

Multiply-adds are those of convolutions and dense layers in one pass, times three for a step, two operations each. Depthwise ones count,
though they do not suit matrix units. The peak is that of the card's data sheet (dense, no sparsity) by its name, else that of a measured
product of matrices, which is printed beside it in any case.

Run on TensorFlow or, with `KERAS_BACKEND=jax`, on JAX. It was not run on a GPU: none was at hand. On a CPU
`ultrasound-mobilenetv2` was, with `--small`, on both.
"""

import argparse
import dataclasses
import math
import resource
import subprocess
import sys
import time

import keras
import numpy as np

from components.domain.presets import load
from components.domain.recipe import Recipe
from components.learning import devices
from components.learning import network as networks
from components.learning.phases import Examples, fit_pixels, phase_of
from components.learning.schedule import build_optimizer

RECIPES = ("ultrasound-densenet121", "histology-densenet201", "idc-efficientnetb0", "cells-inceptionv3", "ultrasound-mobilenetv2")
PEAKS = {
    **{"B200": 2250, "H200": 989, "H100 PCIe": 756, "H100": 989, "L40S": 362, "L40": 181, "L4": 121, "A100": 312, "A10": 125},
    **{"A30": 165, "A40": 150, "RTX 6000 Ada": 364, "RTX 4090": 165, "RTX 3090": 71},
}
"""TFLOP/s of dense bfloat16 products by a part of the card's name, the longer name first where one holds another."""
SMALL = {"image_size": 80, "batch_size": 4}
WARM, EPOCHS = 2, 3


def device() -> str:
    """Return the name of the first accelerator; "" without one."""
    if not devices.accelerators():
        return ""
    if keras.backend.backend() == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    import tensorflow as tf

    return str(tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0]).get("device_name", "GPU"))


def memory() -> float:
    """Return the most GiB that were in use so far: of the card, or of this process on a CPU."""
    if not devices.accelerators():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if keras.backend.backend() == "jax":
        import jax

        return float(jax.devices()[0].memory_stats()["peak_bytes_in_use"]) / 2**30
    import tensorflow as tf

    return float(tf.config.experimental.get_memory_info("GPU:0")["peak"]) / 2**30


def product_peak() -> float:
    """Return the operations a second of a large product of matrices, in the number format of training."""
    kind, side, times = ("bfloat16", 8192, 20) if devices.accelerators() else ("float32", 2048, 3)
    matrix = keras.ops.cast(keras.random.normal((side, side), seed=0), kind)

    def seconds() -> float:
        began, result = time.perf_counter(), matrix
        for _ in range(times):
            result = keras.ops.matmul(matrix, result) / side
        np.asarray(keras.ops.cast(result[0, 0], "float32"))  # waits for all
        return time.perf_counter() - began

    seconds()
    return 2.0 * side**3 * times / min(seconds() for _ in range(3))


def multiply_adds(model: keras.Model) -> int:
    """Return the multiply-adds of one image's pass through convolutions and dense layers.

    >>> multiply_adds(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, padding="same")]))
    6912
    """
    total = 0
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D | keras.layers.Dense):
            places = math.prod(layer.output.shape[1:-1])
            total += places * math.prod(layer.kernel.shape)
    return total


def examples_of(recipe: Recipe, steps: int) -> Examples:
    """Draw noise of two classes, so many batches of it, and a few images for validation."""
    count, random = recipe.batch_size * steps, np.random.default_rng(0)
    pixels = random.integers(0, 255, (count + 4, recipe.image_size, recipe.image_size, 3), dtype=np.uint8)
    targets, train = np.arange(count + 4) % 2, np.arange(count)
    return Examples(pixels, train, targets[:count], np.arange(count, count + 4), targets[count:], np.ones(2, np.float32))


def bare_step(network: networks.Network, recipe: Recipe, examples: Examples, steps: int) -> float:
    """Return the seconds of a step on a batch that lies on the device."""
    model, batch = network.classifier(), slice(0, recipe.batch_size)
    phase = phase_of(recipe, epochs=1, learning_rate=1e-4, seed=0)
    model.compile(build_optimizer(phase, steps=steps), keras.losses.CategoricalCrossentropy(from_logits=True))
    images = keras.ops.convert_to_tensor(examples.pixels[batch])
    labels = keras.ops.convert_to_tensor(np.eye(2, dtype=np.float32)[examples.train_targets[batch]])
    for _ in range(WARM):
        model.train_on_batch(images, labels)
    began = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(images, labels)
    return (time.perf_counter() - began) / steps


def measure(recipe: Recipe, steps: int) -> str:
    """Train a recipe's network both ways, and return in words what came out."""
    examples, network = examples_of(recipe, steps), networks.build(recipe, 2, weights=None, dropout=0.3, seed=0)
    step, ends = bare_step(network, recipe, examples, steps), [0.0]
    phase = phase_of(recipe, epochs=EPOCHS, learning_rate=1e-4, seed=0)
    fit_pixels(network, examples, recipe, phase, lambda *_: ends.append(time.perf_counter()))
    training, count = (ends[-1] - ends[-2]) / steps, multiply_adds(network.backbone)
    name, product = device(), product_peak()
    peak = next((1e12 * rate for part, rate in PEAKS.items() if part in name), product)
    source = "the data sheet's" if peak != product else "that of a measured product of matrices"
    reached = [6 * count * recipe.batch_size / seconds for seconds in (step, training)]
    parts = (
        f"{recipe.backbone} at {recipe.image_size}, batch {recipe.batch_size}, {devices.policy(recipe.training_precision)}",
        f"{name or 'the CPU'}, {keras.backend.backend()}",
        f"step {recipe.batch_size / step:.0f} images/s, {reached[0] / peak:.0%} of the peak",
        f"training {recipe.batch_size / training:.0f} images/s, {reached[1] / peak:.0%}",
        f"input's share {max(0.0, 1 - step / training):.0%}",
        f"memory {memory():.1f} GiB",
        f"{count / 1e9:.2f} G multiply-adds an image",
        f"peak {peak / 1e12:.3g} TFLOP/s ({source}; a product reached {product / 1e12:.3g})",
    )
    return "; ".join(parts)


def main() -> None:
    """Measure each recipe's network in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", choices=RECIPES, help="this one, in this process")
    parser.add_argument("--batch", type=int, help="images in a batch; those of the recipe without it")
    parser.add_argument("--steps", type=int, default=30, help="of an epoch")
    parser.add_argument("--small", action="store_true", help="few small images, to try the bench itself")
    chosen = parser.parse_args()
    if not chosen.recipe:
        sys.exit(max(subprocess.run([sys.executable, __file__, "--recipe", name, *sys.argv[1:]]).returncode for name in RECIPES))
    recipe = dataclasses.replace(load(chosen.recipe), patience=0, **(SMALL if chosen.small else {}))
    if chosen.batch:
        recipe = dataclasses.replace(recipe, batch_size=chosen.batch)
    sys.stdout.write(measure(recipe, 2 if chosen.small else chosen.steps) + "\n")


if __name__ == "__main__":
    main()
