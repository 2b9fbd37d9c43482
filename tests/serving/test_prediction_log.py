import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from service_process import ROOT
from tiny_bundle import plain

from serving import prediction_log
from serving.contract import PREDICTION_SCHEMA
from serving.log_keeping import trim
from serving.prediction_log import PredictionLog, read_log
from serving.predictor import Predictor
from serving.rows import Row, prediction_row, rows_table

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def row(bundle: Path) -> Row:
    predictor = Predictor.load(bundle)
    return prediction_row(predictor.predict([plain(200, 60, 20)])[0], predictor.card, bundle=predictor.digest, request_id="r", time=NOON)


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_a_row_holds_what_monitoring_needs_and_no_pixels(row: Row):
    table = rows_table([row])
    assert table.schema == PREDICTION_SCHEMA
    assert table["predicted_class"].to_pylist() == ["malignant"]
    assert len(table["embedding"][0].as_py()) == 3
    assert table["property_width"].to_pylist() == [32.0]
    assert table["group"].to_pylist() == [None]  # whose image it was, the log does not know


def test_rows_are_on_disk_after_close(tmp_path: Path, row: Row):
    log = PredictionLog(tmp_path, flush_seconds=60)
    assert all(log.add({**row, "request_id": str(index)}) for index in range(3))
    log.close()
    assert (log.written, log.dropped) == (3, 0)
    assert read_log(tmp_path).table["request_id"].to_pylist() == ["0", "1", "2"]
    assert [path.parent.name for path in files(tmp_path)] == ["date=2026-03-01"]


def test_a_file_is_written_when_enough_rows_are_there(tmp_path: Path, row: Row):
    log = PredictionLog(tmp_path, flush_rows=2, flush_seconds=60)
    for _ in range(5):
        log.add(row)
    log.close()
    assert sorted(pq.read_metadata(path).num_rows for path in files(tmp_path)) == [1, 2, 2]


def test_a_file_is_written_when_rows_have_waited_long_enough(tmp_path: Path, row: Row):
    log = PredictionLog(tmp_path, flush_seconds=0.1)
    log.add(row)
    deadline = time.monotonic() + 5
    while not list(tmp_path.rglob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert read_log(tmp_path).table.num_rows == 1
    log.close()


def test_a_disk_that_cannot_be_written_costs_rows_and_no_request(tmp_path: Path, row: Row):
    (tmp_path / "file").write_text("in the way")
    log = PredictionLog(tmp_path / "file")
    assert log.add(row)
    log.close()
    assert (log.written, log.dropped) == (0, 1)


def test_after_close_rows_are_counted_as_lost(tmp_path: Path, row: Row):
    log = PredictionLog(tmp_path)
    log.close()
    assert not log.add(row)
    assert log.dropped == 1


class Heard:
    """Keeps what the log tells."""

    def __init__(self) -> None:
        self.written = self.lost = self.waiting = 0
        self.lag = 0.0

    def log_rows(self, *, written: int = 0, lost: int = 0) -> None:
        self.written, self.lost = self.written + written, self.lost + lost

    def log_state(self, *, waiting: int, lag: float) -> None:
        self.waiting, self.lag = waiting, max(self.lag, lag)


def test_rows_wait_for_a_disk_that_fails_and_are_written_when_it_is_mended(tmp_path: Path, row: Row, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prediction_log, "RETRY_SECONDS", 0.1)
    (tmp_path / "log").write_text("in the way")
    heard = Heard()
    log = PredictionLog(tmp_path / "log", flush_seconds=0.05, gauges=heard)
    for _ in range(3):
        log.add(row)
    time.sleep(0.5)
    assert (log.written, log.dropped, heard.waiting) == (0, 0, 3)
    assert heard.lag > 0.2
    (tmp_path / "log").unlink()
    deadline = time.monotonic() + 5
    while log.written < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    log.close()
    assert (heard.written, heard.lost, heard.waiting) == (3, 0, 0)
    assert read_log(tmp_path / "log").table.num_rows == 3


def test_more_rows_than_may_wait_are_lost_oldest_first_and_counted(tmp_path: Path, row: Row, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prediction_log, "WAITING_ROWS", 4)
    monkeypatch.setattr(prediction_log, "MOMENT", 0.0)
    monkeypatch.setattr(prediction_log, "RETRY_SECONDS", 0.0)
    (tmp_path / "log").write_text("in the way")
    heard = Heard()
    log = PredictionLog(tmp_path / "log", flush_seconds=0.01, gauges=heard)
    for index in range(10):
        assert log.add({**row, "request_id": str(index)})
        time.sleep(0.02)
    (tmp_path / "log").unlink()
    log.close()
    assert (heard.written, heard.lost) == (4, 6)
    assert read_log(tmp_path / "log").table["request_id"].to_pylist() == ["6", "7", "8", "9"]


def test_a_file_that_the_disk_cuts_off_never_gets_its_name(tmp_path: Path, row: Row):
    code = """
import resource, signal, sys
from pathlib import Path
from datetime import datetime, UTC
import numpy as np
from serving import prediction_log
from serving.contract import PREDICTION_SCHEMA
from serving.log_keeping import trim
from serving.prediction_log import PredictionLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
row = {field.name: 0.5 if str(field.type) == "float" else "x" for field in PREDICTION_SCHEMA}
row |= {"time": datetime.now(UTC), "probabilities": [0.5, 0.5], "embedding": np.random.default_rng(0).random(20_000, dtype=np.float32)}
log = PredictionLog(Path(sys.argv[1]))
log.add(row)
log.close()
print(log.written, log.dropped)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["0", "1"], done.stderr
    assert files(tmp_path) == []


def test_the_log_keeps_to_its_size_and_the_oldest_go_first(tmp_path: Path, row: Row):
    for day in (1, 2, 3):
        folder = tmp_path / f"date=2026-03-0{day}"
        folder.mkdir()
        for index in range(2):
            pq.write_table(rows_table([row]), folder / f"{index}.parquet")
    size = files(tmp_path)[0].stat().st_size
    assert trim(tmp_path, 3 * size) == 3
    assert [path.relative_to(tmp_path).as_posix() for path in files(tmp_path)] == [
        "date=2026-03-02/1.parquet",
        "date=2026-03-03/0.parquet",
        "date=2026-03-03/1.parquet",
    ]
    assert not (tmp_path / "date=2026-03-01").exists()
    assert trim(tmp_path, 1) == 2  # the newest file stays, whatever its size


def test_a_running_log_keeps_to_its_size(tmp_path: Path, row: Row):
    log = PredictionLog(tmp_path, flush_rows=1, max_bytes=30_000)
    for _ in range(60):
        log.add(row)
    log.close()
    assert log.written == 60
    held = sum(path.stat().st_size for path in files(tmp_path))
    assert held <= 33_000
    assert read_log(tmp_path).table.num_rows < 60


def test_what_a_killed_process_left_half_written_is_not_read_and_goes(tmp_path: Path, row: Row):
    log = PredictionLog(tmp_path)
    log.add(row)
    log.close()
    left = files(tmp_path)[0].with_name(".000000.0-1-1.parquet.part")
    left.write_bytes(b"PAR1 half")
    assert read_log(tmp_path).table.num_rows == 1
    assert read_log(tmp_path).skipped == ()
    trim(tmp_path, 10**9)
    assert left.exists()  # somebody may be writing it
    os.utime(left, (0, 0))
    trim(tmp_path, 10**9)
    assert not left.exists()


def test_a_row_lies_in_the_folder_of_its_own_day(tmp_path: Path, row: Row):
    log = PredictionLog(tmp_path)
    for hours in (0, 11, 12):
        log.add({**row, "time": NOON + timedelta(hours=hours)})
    log.close()
    assert [(path.parent.name, pq.read_metadata(path).num_rows) for path in files(tmp_path)] == [
        ("date=2026-03-01", 2),
        ("date=2026-03-02", 1),
    ]


def test_reading_keeps_to_the_window_and_the_bundle(tmp_path: Path, row: Row):
    days = [NOON - timedelta(days=2), NOON, NOON + timedelta(hours=1)]
    for index, moment in enumerate(days):
        folder = tmp_path / f"date={moment:%Y-%m-%d}"
        folder.mkdir(exist_ok=True)
        pq.write_table(rows_table([{**row, "time": moment, "bundle": f"sha256:{index % 2}"}]), folder / f"{index}.parquet")
    assert read_log(tmp_path, since=NOON).table["time"].to_pylist() == days[1:]
    assert read_log(tmp_path, bundle="sha256:0").table["time"].to_pylist() == [days[0], days[2]]
    assert read_log(tmp_path, since=NOON, bundle="sha256:1").table.num_rows == 1


def test_a_file_from_before_groups_were_known_reads_with_none(tmp_path: Path, row: Row):
    (tmp_path / "date=2026-03-01").mkdir()
    pq.write_table(rows_table([row]).drop_columns(["group"]), tmp_path / "date=2026-03-01" / "0.parquet")
    window = read_log(tmp_path)
    assert window.table.schema == PREDICTION_SCHEMA
    assert (window.table["group"].to_pylist(), window.skipped) == ([None], ())


def test_a_file_that_cannot_be_read_is_skipped_and_told(tmp_path: Path, row: Row):
    log = PredictionLog(tmp_path)
    log.add(row)
    log.close()
    broken = files(tmp_path)[0].with_name("000000.0-1-1.parquet")
    broken.write_bytes(b"PAR1 not really")
    window = read_log(tmp_path)
    assert (window.table.num_rows, window.skipped) == (1, (broken,))


def test_a_log_that_does_not_exist_holds_nothing(tmp_path: Path):
    window = read_log(tmp_path / "none")
    assert window.table.schema == PREDICTION_SCHEMA
    assert window.table.num_rows == 0
