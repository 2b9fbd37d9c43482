from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.monitor.monitor import judge
from components.monitor.rows import LeftOut, find_rows
from serving.contract import PREDICTION_SCHEMA, PROPERTIES

MINE, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = NOON + timedelta(days=2)


def rows(*hours: float, bundle: str = MINE) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "time": NOON + timedelta(hours=hour),
                "request_id": f"{hour:g}",
                "bundle": bundle,
                "distance": 0.1,
                "confidence": 0.9,
                "probabilities": [0.9, 0.1],
                "embedding": [1.0, 0.0],
                **{f"property_{name}": 0.5 for name in PROPERTIES},
            }
            for hour in hours
        ],
        schema=PREDICTION_SCHEMA,
    )


def put(log: Path, day: str, name: str, table: pa.Table) -> Path:
    folder = log / f"date={day}"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / name)
    return folder / name


def left_out(log: Path, **window) -> tuple[int, LeftOut]:
    found = find_rows(log, MINE, **({"since": None, "until": None, "now": NOW} | window))
    assert sum(len(places) for _, places in found.files) == found.images
    return found.images, found.left_out


def test_a_whole_log_leaves_nothing_out(tmp_path):
    put(tmp_path, "2026-03-02", "a.parquet", rows(0, 1))
    assert left_out(tmp_path) == (2, LeftOut())


def test_a_file_that_was_copied_counts_once(tmp_path):
    put(tmp_path, "2026-03-02", "a.parquet", rows(0, 1, 2))
    put(tmp_path, "2026-03-02", "copy.parquet", rows(1, 2, 3))
    assert left_out(tmp_path) == (4, LeftOut(duplicates=2))


def test_images_of_one_batch_share_a_request_and_are_no_duplicates(tmp_path):
    table = rows(0, 0.5)
    table = table.set_column(1, "request_id", pa.array(["batch", "batch"]))
    put(tmp_path, "2026-03-02", "a.parquet", table)
    assert left_out(tmp_path) == (2, LeftOut())


@pytest.mark.parametrize(
    ("hours", "why"),
    [(72, "the future"), (-24 * 365, "a clock set to last year"), (40, "two days after its folder's")],
)
def test_rows_whose_clock_jumped_are_counted_and_never_mixed_in(tmp_path, hours, why):
    put(tmp_path, "2026-03-02", "a.parquet", rows(0, hours, 1))
    assert left_out(tmp_path) == (2, LeftOut(misdated=1))


def test_rows_written_over_midnight_are_right(tmp_path):
    put(tmp_path, "2026-03-02", "a.parquet", rows(-12.5, 0, 12.5))
    assert left_out(tmp_path) == (3, LeftOut())


def test_whole_days_without_an_image_since_the_first_one_are_named(tmp_path):
    for day, hour in (("2026-02-26", -96), ("2026-02-27", -72), ("2026-03-02", 0)):
        put(tmp_path, day, "a.parquet", rows(hour))
    assert left_out(tmp_path)[1].empty_days == ("2026-02-28", "2026-03-01")
    window = {"since": NOON - timedelta(days=6), "until": NOON + timedelta(days=2)}  # to 4 March, noon
    assert left_out(tmp_path, **window)[1].empty_days == ("2026-02-28", "2026-03-01", "2026-03-03")


def test_everything_at_once_is_counted_by_its_reason(tmp_path):
    nameless = rows(3).set_column(2, "bundle", pa.array([None], pa.string()))
    table = pa.concat_tables([rows(0, 1), rows(2, bundle=OTHER), nameless, rows(90)])
    whole = put(tmp_path, "2026-03-02", "a.parquet", table)
    put(tmp_path, "2026-03-02", "b.parquet", rows(0))
    (whole.parent / "cut.parquet").write_bytes(whole.read_bytes()[:-100])
    images, left = left_out(tmp_path)
    assert (images, left.other_bundles, left.nameless, left.misdated, left.duplicates) == (2, 1, 1, 1, 1)
    assert [each.partition(":")[0] for each in left.unreadable] == ["date=2026-03-02/cut.parquet"]
    assert left.sentences() == [
        "1 images were answered by other models and are left out",
        "1 rows name no time or no model and are left out",
        "1 rows are dated by a clock that was wrong and are left out",
        "1 rows stand in the log twice and count once",
        "1 files of the log could not be read",
    ]


def test_a_file_whose_other_columns_are_damaged_costs_its_rows_and_nothing_else(scene):
    scene.play(current=120)
    file = sorted(scene.log.rglob("*.parquet"))[0]
    layout = pq.ParquetFile(file).metadata.row_group(0)
    column = next(
        layout.column(place) for place in range(layout.num_columns) if layout.column(place).path_in_schema.startswith("embedding")
    )
    damaged = bytearray(file.read_bytes())
    begin = column.data_page_offset
    damaged[begin : begin + 200] = bytes(200)
    file.write_bytes(bytes(damaged))
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    assert verdict.status == "too little data" or verdict.images < 120
    assert [each.partition(":")[0] for each in verdict.left_out.unreadable] == [f"{file.parent.name}/{file.name}"]


def test_a_broken_log_still_gets_its_verdict_and_the_page_tells_what_was_left_out(scene):
    from components.monitor.page import summary_html

    table = scene.play(darker=0.2)
    pq.write_table(table.slice(0, 5), scene.log / "date=2026-03-01" / "copy.parquet")
    (scene.log / "date=2026-03-01" / "cut.parquet").write_bytes(b"PAR1")
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    assert (verdict.status, verdict.images) == ("drift", 120)
    page = summary_html(verdict)
    assert "5 rows stand in the log twice and count once" in page
    assert "date=2026-03-01/cut.parquet" in page
