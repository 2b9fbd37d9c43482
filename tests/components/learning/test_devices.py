"""Several devices, and fewer bits: what is trained is the same network; only time differs."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from components.domain.recipe import Recipe
from components.learning import backbones, devices
from components.learning import network as networks
from components.learning.fused import fuse
from serving.openvino_graph import knows_bf16

RECIPE = Recipe(name="r", task="histology", backbone="convnet", image_size=32)
TWO = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from components.learning import devices
from components.learning.fit import fit, predict_logits
from components.learning.schedule import Phase

phase = Phase(epochs=2, learning_rate=0.05, warm_up=False, weight_decay=0.0, batch_size=8, label_smoothing=0.0, patience=9, seed=0)
inputs, targets, rows = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32), np.arange(32) % 2, np.arange(32)

def train(names):
    keras.utils.set_random_seed(0)
    with devices.spread(names):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2)])
        validation = (lambda: predict_logits(model, inputs, rows), targets)
        fit(model, inputs, rows, targets, np.ones(2, np.float32), validation=validation, phase=phase, on_epoch=lambda epoch, values: None)
    return model

one, two = train(["CPU:0"]), train(["CPU:0", "CPU:1"])
assert two.distribute_strategy.num_replicas_in_sync == 2
print(max(float(np.abs(a - b).max()) for a, b in zip(one.get_weights(), two.get_weights(), strict=True)))
"""


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="two devices of a CPU are TensorFlow's")
def test_two_devices_that_share_each_batch_learn_what_one_learns():
    ran = subprocess.run([sys.executable, "-c", TWO], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout.split()[-1]) < 1e-4


def test_a_machine_without_an_accelerator_trains_in_float32_on_one_device():
    if devices.accelerators():
        pytest.skip("this machine has one")
    assert devices.policy("auto") == "float32"
    with devices.spread():
        network = networks.build(RECIPE, 2, weights=None, dropout=0.0, seed=0)
    assert networks.full_precision(network) is network


@pytest.mark.parametrize(("precision", "asked"), [("auto", False), ("f32", False), ("bf16", True)])
def test_a_cpu_computes_in_bfloat16_only_where_it_is_asked_to(precision, asked):
    here = knows_bf16() and not devices.accelerators() and keras.backend.backend() == "tensorflow"
    assert devices.rewrites(precision) == (asked and here)


def test_a_network_of_mixed_precision_is_exported_in_float32_with_the_same_weights():
    with devices.built_in("mixed_bfloat16"):
        mixed = fuse(backbones.build("convnet", 32, None))
    assert "bfloat16" in {layer.compute_dtype for layer in mixed.layers}
    assert keras.config.dtype_policy().name == "float32"
    lowered = networks.Network(mixed, networks.build(RECIPE, 2, weights=None, dropout=0.0, seed=0).head, pretrained=False)
    full = networks.full_precision(lowered)
    assert {layer.compute_dtype for layer in full.backbone.layers} == {"float32"}
    batch = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(full.backbone.predict_on_batch(batch), np.asarray(mixed.predict_on_batch(batch), np.float32), atol=0.05)
