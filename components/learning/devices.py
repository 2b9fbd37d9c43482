"""What the machine at hand has, and how training uses it: bfloat16 on a GPU, or where a recipe asks for it, and every GPU.

The rule for bfloat16. The CPU figures are processor time of a training step, one run of two steps each on a busy machine with
avx512_bf16; no GPU was at hand:

- on a GPU always: its matrix units take 16 bits. Keras' policy `mixed_bfloat16` for the backbone; head, loss and weights stay float32;
- on a CPU that has instructions for it, only where the recipe asks for `bf16`: what that does to accuracy has not been measured. With
  DenseNet, which dense convolutions bound, oneDNN's bfloat16 took 0.63 times the time of float32; MobileNetV2 gains nothing (1.0) and
  EfficientNetB0 loses (1.5): depthwise convolutions and activations move memory. Keras' policy is slower than float32 on a CPU, so
  there TensorFlow rewrites the graph of a training step; all weights stay float32, and validation is computed in float32;
- JAX on a CPU: never.

XLA needs no rule of ours: Keras compiles with it on a GPU and not on a CPU, where it was nine times slower.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import keras

from components.domain.recipe import TrainingPrecision
from serving.openvino_graph import knows_bf16


def accelerators() -> list[str]:
    """Return the GPUs or TPUs that Keras' back end sees, by name; none on a machine without."""
    return [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]


def policy(precision: TrainingPrecision) -> str:
    """Return the Keras dtype policy of a backbone in training: `mixed_bfloat16` on an accelerator, else `float32`."""
    return "mixed_bfloat16" if accelerators() and precision != "f32" else "float32"


def rewrites(precision: TrainingPrecision) -> bool:
    """Return True if a training step is rewritten to bfloat16 on this machine's CPU."""
    return precision == "bf16" and not accelerators() and keras.backend.backend() == "tensorflow" and knows_bf16()


def rewrite(on: bool) -> None:
    """Let TensorFlow rewrite graphs for a CPU to bfloat16 from now on, or no longer."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": on})


@contextmanager
def built_in(name: str) -> Iterator[None]:
    """Make layers under a dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def spread(devices: Sequence[str] = ()) -> AbstractContextManager[object]:
    """Return what lets networks made and trained within it use several devices, each batch shared among them; their weights stay equal.

    Args:
        devices: by the names of `accelerators`; all of those if none is named. With fewer than two nothing changes.
    """
    names = list(devices or accelerators())
    if len(names) < 2:
        return nullcontext()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        scope: AbstractContextManager[object] = tf.distribute.MirroredStrategy([f"/{name}" for name in names]).scope()
        return scope
    return _distributed(names)


@contextmanager
def _distributed(names: list[str]) -> Iterator[None]:
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names))
    try:
        yield
    finally:
        keras.distribution.set_distribution(None)
