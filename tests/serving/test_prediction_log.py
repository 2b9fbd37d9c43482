import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tiny_bundle import plain

from serving.contract import PREDICTION_SCHEMA
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
    assert [path.parent.name for path in files(tmp_path)] == [f"date={datetime.now(UTC):%Y-%m-%d}"]


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
