from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.domain.errors import InputError
from components.monitor.window import read_reference, read_window
from serving.contract import PREDICTION_SCHEMA, PROPERTIES

MINE, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def rows(*hours: float, bundle: str = MINE) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "time": NOON + timedelta(hours=hour),
                "request_id": f"{hour:g}",
                "bundle": bundle,
                "verdict": "accept",
                "predicted_class": "benign",
                "confidence": 0.9,
                "distance": 0.1,
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


def ids(table: pa.Table) -> list[str]:
    return table.column("request_id").to_pylist()


def test_rows_from_since_up_to_until_come_in_order_of_time(tmp_path):
    put(tmp_path, "2026-03-02", "b.parquet", rows(3, 1))
    put(tmp_path, "2026-03-02", "a.parquet", rows(2, 4, 0))
    window = read_window(tmp_path, MINE, since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=4))
    assert ids(window.table) == ["1", "2", "3"]
    assert window.table.schema.equals(PREDICTION_SCHEMA)
    assert window.images == 3


def test_rows_of_another_bundle_are_counted_and_never_mixed_in(tmp_path):
    put(tmp_path, "2026-03-02", "a.parquet", pa.concat_tables([rows(0, 1), rows(0.5, 2, 9, bundle=OTHER)]))
    window = read_window(tmp_path, MINE, until=NOON + timedelta(hours=3))
    assert ids(window.table) == ["0", "1"]
    assert window.left_out.other_bundles == 2


def test_a_file_that_is_cut_off_or_has_other_columns_is_named_and_the_rest_is_read(tmp_path):
    whole = put(tmp_path, "2026-03-02", "a.parquet", rows(0))
    (whole.parent / "cut.parquet").write_bytes(whole.read_bytes()[:-20])
    (whole.parent / "empty.parquet").write_bytes(b"")
    pq.write_table(pa.table({"time": [NOON], "color": ["red"]}), whole.parent / "strange.parquet")
    pq.write_table(rows(1).drop_columns(["embedding"]), whole.parent / "without.parquet")
    window = read_window(tmp_path, MINE)
    assert ids(window.table) == ["0"]
    assert [text.partition(":")[0] for text in window.left_out.unreadable] == [
        f"date=2026-03-02/{name}.parquet" for name in ("cut", "empty", "strange", "without")
    ]
    assert "embedding" in window.left_out.unreadable[-1]
    assert window.images == 1


def test_a_row_without_a_time_or_bundle_is_nobodys(tmp_path):
    table = rows(0, 1, 2)
    table = table.set_column(0, "time", pa.array([NOON, None, NOON], PREDICTION_SCHEMA.field("time").type))
    table = table.set_column(2, "bundle", pa.array([MINE, MINE, None]))
    put(tmp_path, "2026-03-02", "a.parquet", table)
    for since in (None, NOON - timedelta(days=1)):
        window = read_window(tmp_path, MINE, since=since)
        assert (ids(window.table), window.images, window.left_out.other_bundles, window.left_out.nameless) == (["0"], 1, 0, 2)


def test_a_file_of_columns_in_another_order_and_of_wider_numbers_is_read(tmp_path):
    table = rows(0, 1)
    wider = pa.table({name: table.column(name) for name in reversed(table.schema.names)})
    wider = wider.set_column(wider.schema.get_field_index("confidence"), "confidence", pa.array([0.9, 0.8], pa.float64()))
    put(tmp_path, "2026-03-02", "a.parquet", wider)
    assert ids(read_window(tmp_path, MINE).table) == ["0", "1"]


def test_days_far_outside_the_window_are_not_opened(tmp_path):
    folder = tmp_path / "date=2026-01-01"
    folder.mkdir()
    (folder / "broken.parquet").write_bytes(b"never looked at")
    put(tmp_path, "2026-03-02", "a.parquet", rows(0))
    window = read_window(tmp_path, MINE, since=NOON - timedelta(hours=1))
    assert (window.images, window.left_out.unreadable) == (1, ())


def test_a_file_that_is_still_being_written_is_left_alone(tmp_path):
    put(tmp_path, "2026-03-02", "a.parquet", rows(0))
    (tmp_path / "date=2026-03-02" / ".b.parquet").write_bytes(b"half")
    assert read_window(tmp_path, MINE).left_out.unreadable == ()


def test_more_rows_than_the_limit_are_drawn_by_the_seed_and_stay_in_order(tmp_path):
    put(tmp_path, "2026-03-02", "a.parquet", rows(*(each / 2 for each in range(0, 40, 2))))
    put(tmp_path, "2026-03-02", "b.parquet", rows(*(each / 2 for each in range(1, 40, 2))))
    first, again, other = (read_window(tmp_path, MINE, limit=10, seed=seed) for seed in (0, 0, 1))
    assert (first.images, first.table.num_rows) == (40, 10)
    assert ids(first.table) == sorted(ids(first.table), key=float) == ids(again.table) != ids(other.table)


def test_a_log_that_does_not_exist_holds_no_images(tmp_path):
    window = read_window(tmp_path / "none", MINE)
    assert (window.images, window.table.num_rows) == (0, 0)


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        (datetime(2026, 3, 2), None, "since must have a time zone"),
        (NOON, NOON, "must begin before it ends"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(tmp_path, since, until, words):
    with pytest.raises(InputError, match=words):
        read_window(tmp_path, MINE, since=since, until=until)


def test_a_bundle_without_a_reference_window_is_refused(tmp_path):
    with pytest.raises(InputError, match="reference window"):
        read_reference(tmp_path)


def test_a_log_and_a_reference_window_from_before_groups_were_known_are_read(tmp_path):
    older = rows(0, 1).drop_columns(["group"])
    put(tmp_path, "2026-03-02", "a.parquet", older)
    pq.write_table(older, tmp_path / "reference.parquet")
    for table in (read_window(tmp_path / "date=2026-03-02", MINE).table, read_reference(tmp_path).table):
        assert table.schema.equals(PREDICTION_SCHEMA)
        assert table.column("group").to_pylist() == [None, None]


def test_a_large_reference_window_is_drawn_down_to_the_limit(tmp_path):
    pq.write_table(rows(*range(50)), tmp_path / "reference.parquet")
    drawn = read_reference(tmp_path, limit=20)
    assert (drawn.table.num_rows, drawn.images, drawn.group_size) == (20, 50, 1.0)
    assert read_reference(tmp_path).table.num_rows == 50


def test_the_size_of_groups_is_that_of_the_whole_reference_window_however_few_rows_are_drawn(tmp_path):
    table = rows(*range(10))
    groups = pa.array(["g0"] * 6 + ["g1"] * 2 + ["g2"] * 2)  # an image has on average (36 + 4 + 4) / 10 in its group
    pq.write_table(table.set_column(table.schema.get_field_index("group"), "group", groups), tmp_path / "reference.parquet")
    assert read_reference(tmp_path, limit=3).group_size == pytest.approx(4.4)
