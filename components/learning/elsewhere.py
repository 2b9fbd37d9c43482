"""Export on another back end than TensorFlow: a process of its own, where Keras runs on TensorFlow, loads the network and exports it.

Keras' exporter writes ONNX from TensorFlow's graphs; from JAX it asks for a converter that is not kept with Keras. A `.keras` file
means the same on every back end, and the bundle is compared with the network that was trained, as after any export.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras

from components.learning.network import Network

PARTS = ("backbone", "head")


def export_elsewhere(network: Network, bundle: Path) -> None:
    """Write what `components.learning.export.export_graph` writes, in a process on TensorFlow, which uses no accelerator.

    Raises:
        RuntimeError: if that fails, with the last line of what it said.
    """
    with tempfile.TemporaryDirectory(prefix="lobule-export-") as folder:
        for part in PARTS:
            getattr(network, part).save(Path(folder) / f"{part}.keras")
        done = subprocess.run(
            [sys.executable, "-m", "components.learning.elsewhere", folder, bundle],
            env={**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(f"the export on TensorFlow failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")


def main() -> None:
    """Export the parts in the first folder named into the second."""
    from components.learning.export import export_graph

    folder, bundle = map(Path, sys.argv[1:])
    backbone, head = (keras.saving.load_model(folder / f"{part}.keras", compile=False) for part in PARTS)
    export_graph(Network(backbone, head, pretrained=False), bundle)


if __name__ == "__main__":
    main()
