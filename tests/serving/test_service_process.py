"""The service as a process: what it imports, what it leaves behind."""

import subprocess
import sys
from pathlib import Path

import pytest
from service_process import running_service, web
from tiny_bundle import encode, plain

from serving.contract import tree_digest
from serving.prediction_log import read_log


def test_the_service_imports_no_training_library(tmp_path: Path):
    heavy = ("tensorflow", "keras", "kfp", "sklearn", "pandas", "scipy", "mlflow", "evidently", "components", "pipelines")
    code = f"import sys, serving.service; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert found.stdout.strip() == "[]"


def test_predictions_are_on_disk_after_the_service_was_asked_to_end(bundle: Path, tmp_path: Path):
    with running_service(tmp_path, LOBULE_BUNDLE=str(bundle), LOBULE_PREDICTION_LOG=str(tmp_path / "log")) as running:
        answers = [
            web.post(f"{running.url}/predict", files={"image": ("x", encode(plain(red, 255 - red, 20)))}).json() for red in (0, 128, 255)
        ]
        web.post(f"{running.url}/predict", files={"image": ("x", b"text")})
        running.stop()
        assert running.process.returncode == 0
    rows = read_log(tmp_path / "log").table.to_pylist()
    assert [row["request_id"] for row in rows] == [answer["request_id"] for answer in answers]
    assert [row["predicted_class"] for row in rows] == [answer["class_name"] for answer in answers]
    assert {row["bundle"] for row in rows} == {tree_digest(bundle)}
    assert all(row["time"].tzinfo and row["property_brightness"] > 0 for row in rows)


@pytest.mark.slow
def test_with_the_log_switched_off_nothing_is_kept(bundle: Path, tmp_path: Path):
    with running_service(tmp_path, LOBULE_BUNDLE=str(bundle), LOBULE_PREDICTION_LOG="none") as running:
        assert web.post(f"{running.url}/predict", files={"image": ("x", encode(plain(9, 9, 9)))}).status_code == 200
    assert not list(tmp_path.rglob("*.parquet"))
