"""A service calls nobody: neither OpenVINO's telemetry is loaded, nor its identity written to the home."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_importing_the_graph_loads_no_telemetry_and_leaves_the_home_empty(tmp_path: Path):
    loaded = "[name for name, module in sys.modules.items() if name.startswith('openvino_telemetry') and module]"
    code = f"import sys, serving.openvino_graph; print({loaded})"
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.rglob("*")) == []
