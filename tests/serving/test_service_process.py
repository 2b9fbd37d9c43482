"""The service as a process: what it imports, what it leaves behind."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from service_process import running_service, web
from tiny_bundle import encode, plain

from serving.contract import tree_digest
from serving.prediction_log import LOOK_SECONDS, read_log


def test_the_service_imports_no_training_library(tmp_path: Path):
    heavy = ("tensorflow", "keras", "kfp", "sklearn", "pandas", "scipy", "mlflow", "evidently", "components", "pipelines")
    code = f"import sys, serving.service, pyarrow; pyarrow.array([1]); print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert found.stdout.strip() == "[]"


def test_the_service_has_arrow_give_memory_back():
    code = "import serving.service, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert found.stdout.strip() == "system"


def test_matrix_products_of_the_service_stay_on_the_thread_that_asks():
    code = "import serving.service, threadpoolctl; print([found['num_threads'] for found in threadpoolctl.threadpool_info()])"
    threads = {"OPENBLAS_NUM_THREADS": "2"}  # as on a machine with several CPUs
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2], env=os.environ | threads
    )
    assert found.stdout.strip() == "[1]"


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


RED = encode(plain(200, 60, 20))


def ask(url: str) -> str:
    answer = web.post(f"{url}/predict?image=false", content=RED, headers={"Content-Type": "image/png"})
    assert answer.status_code == 200, answer.text
    return answer.json()["request_id"]


@pytest.mark.slow
def test_a_killed_service_loses_only_rows_younger_than_was_promised(bundle: Path, tmp_path: Path):
    log = tmp_path / "log"
    settings = {"LOBULE_PREDICTION_LOG": str(log), "LOBULE_PREDICTION_LOG_SECONDS": "0.5", "LOBULE_WORKERS": "2"}
    with running_service(tmp_path, LOBULE_BUNDLE=str(bundle), **settings) as running:
        first = {ask(running.url) for _ in range(40)}
        time.sleep(1.5)  # the half second that was promised, and time for the write
        late = {ask(running.url) for _ in range(10)}
        running.kill()
    window = read_log(log)
    kept = set(window.table["request_id"].to_pylist())
    assert window.skipped == ()
    assert first <= kept <= first | late


@pytest.mark.slow
def test_a_log_that_cannot_be_written_costs_no_request_and_is_told(bundle: Path, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    settings = {"LOBULE_PREDICTION_LOG": str(tmp_path / "file"), "LOBULE_PREDICTION_LOG_SECONDS": "0.2"}
    with running_service(tmp_path / "home", LOBULE_BUNDLE=str(bundle), **settings) as running:
        for _ in range(6):
            ask(running.url)
        time.sleep(2 * LOOK_SECONDS)  # the state is told at least once in between
        told = web.get(f"{running.url}/metrics").text
        assert 'lobule_prediction_log_rows_total{outcome="written"} 0.0' in told or 'outcome="written"' not in told
        assert "lobule_prediction_log_waiting_rows 6.0" in told
        lag = float(next(line for line in told.splitlines() if line.startswith("lobule_prediction_log_lag_seconds ")).split()[1])
        assert lag > 0.5
        running.stop()
        assert running.process.returncode == 0
        assert "cannot be written" in running.told()


@pytest.mark.slow
def test_answered_requests_leave_nothing_in_memory(bundle: Path, tmp_path: Path):
    with running_service(tmp_path, LOBULE_BUNDLE=str(bundle)) as running, httpx.Client() as client:
        held = []
        for _ in range(3):
            for _ in range(700):
                client.get(f"{running.url}/health")
            held.append(sum(each.memory_info().rss for each in psutil.Process(running.process.pid).children(recursive=True)) / 2**20)
    assert held[2] - held[0] < 3, held


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_under_way_are_answered_when_the_service_is_asked_to_end(workers: str, bundle: Path, tmp_path: Path):
    large = encode(plain(200, 60, 20, height=5000, width=5000))  # takes a while
    settings = {"LOBULE_WORKERS": workers, "LOBULE_PREDICTION_LOG": str(tmp_path / "log")}
    with running_service(tmp_path, LOBULE_BUNDLE=str(bundle), **settings) as running, ThreadPoolExecutor(6) as pool:
        asked = [
            pool.submit(web.post, f"{running.url}/predict?image=false", content=large, headers={"Content-Type": "image/png"})
            for _ in range(6)
        ]
        time.sleep(0.3)
        assert not all(each.done() for each in asked)
        running.process.terminate()
        answers = [each.result() for each in asked]
        assert [answer.status_code for answer in answers] == [200] * 6
        assert running.process.wait(30) == 0
    assert set(read_log(tmp_path / "log").table["request_id"].to_pylist()) == {answer.json()["request_id"] for answer in answers}
