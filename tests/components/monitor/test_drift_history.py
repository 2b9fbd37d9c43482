"""What is usual: how many images, and which changes come and go with the week."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.monitor.history import DAY, WEEK, Past, past_windows, volume
from components.monitor.monitor import judge
from components.monitor.page import summary_html
from components.monitor.prometheus import gauges
from serving.contract import PREDICTION_SCHEMA, PROPERTIES

MINE, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
NOW = datetime(2026, 3, 30, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)


def log_of(folder, *times: datetime, bundle: str = MINE):
    """Write a log with one image at each time; returns its folder."""
    for day in {each.date() for each in times}:
        rows = [
            {
                "time": each,
                "request_id": each.isoformat(),
                "bundle": bundle,
                "distance": 0.1,
                **{f"property_{name}": 0.5 for name in PROPERTIES},
            }
            for each in times
            if each.date() == day
        ]
        place = folder / f"date={day}"
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=PREDICTION_SCHEMA), place / f"{bundle[7]}.parquet")
    return folder


def past(log, *, length: timedelta) -> Past:
    return past_windows(log, MINE, begin=NOW - length, end=NOW, now=NOW)


def counted(*counts: int) -> Past:
    return Past(tuple(NOW - (place + 1) * WEEK for place in range(len(counts))), counts, WEEK, DAY)


def test_earlier_windows_lie_whole_weeks_back_and_after_the_first_image(tmp_path):
    log = log_of(tmp_path, *(NOW - hours * HOUR for hours in (1, 168 + 1, 168 + 2, 2 * 168 + 5, 3 * 168 + 1, 3 * 168 + 13, 4 * 168 + 11)))
    found = past(log, length=36 * HOUR)
    assert (found.counts, found.step, found.enough) == ((2, 1, 2), WEEK, False)
    assert found.begins[0] == NOW - 36 * HOUR - WEEK


def test_a_day_with_too_few_weeks_behind_it_is_compared_with_the_days_before(tmp_path):
    found = past(log_of(tmp_path, *(NOW - hours * HOUR for hours in range(1, 24 * 7 + 1, 6))), length=DAY)
    assert (found.counts, found.step) == ((4, 4, 4, 4, 4), DAY)


def test_a_window_of_more_than_a_week_is_compared_with_windows_as_many_weeks_back(tmp_path):
    found = past(log_of(tmp_path, *(NOW - days * DAY for days in range(1, 60))), length=10 * DAY)
    assert (found.counts, found.step) == ((10, 10, 10), 2 * WEEK)  # the fourth would end on the 59th day


def test_weeks_in_which_another_model_answered_are_passed_over_and_silent_ones_count(tmp_path):
    mine = [NOW - weeks * WEEK - HOUR for weeks in (1, 3, 4, 5)] + [NOW - 6 * WEEK]
    assert past(log_of(tmp_path / "a", *mine), length=DAY).counts == (1, 0, 1, 1, 1)
    both = log_of(tmp_path / "b", *mine)
    log_of(both, NOW - 2 * WEEK - HOUR, bundle=OTHER)
    assert past(both, length=DAY).counts == (1, 1, 1, 1)


def test_the_usual_number_is_the_prediction_interval_worked_by_hand():
    # logs of 100.5 and 200.5, twice: mean 4.9556, standard deviation 0.39873. Student's t(3) at 0.025 is 3.1824:
    # reach 3.1824 * 0.39873 * sqrt(1 + 1 / 4) = 1.4187
    found = volume(150, counted(100, 200, 100, 200), alpha=0.05)
    assert (found.low, found.high) == pytest.approx((np.exp(4.9556 - 1.4187) - 0.5, np.exp(4.9556 + 1.4187) - 0.5), rel=1e-3)
    assert not found.unusual


@pytest.mark.parametrize(
    ("images", "unusual", "words"),
    [
        (0, True, "no image came, the service was silent, which is not usual: "),
        (101, False, "101 images came (101 a day), which is usual: 61 to 166 by 5 earlier windows at the same time of the week"),
        (400, True, "400 images came (400 a day), which is not usual: "),
    ],
)
def test_the_number_of_images_is_told_with_what_is_usual(images, unusual, words):
    found = volume(images, counted(100, 98, 105, 97, 102), alpha=0.01)
    assert found.unusual == unusual
    assert found.sentence().startswith(words)


def test_without_enough_history_nothing_is_called_usual():
    found = volume(0, counted(100, 98, 105), alpha=0.01)
    assert (found.low, found.chance, found.unusual) == (None, None, False)
    assert found.sentence().endswith("how many are usual, 3 earlier windows of this model cannot tell, it takes 4")


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_counts_without_a_change_are_unusual_no_more_often_than_was_set(spread):
    rng = np.random.default_rng(3)
    counts = rng.poisson(200 * np.exp(rng.normal(0, spread, (2000, 9))))
    alarms = sum(volume(int(each[0]), counted(*each[1:].tolist()), alpha=0.05).unusual for each in counts)
    assert alarms <= 130  # 100 expected at most, standard deviation 10


def weeks(windows, *, dark: tuple[int, ...], days: int = 36) -> pa.Table:
    """Draw 40 images a day; on the days named, 0 is the last one, they are darker."""
    calm, darker = windows(150, 40 * days, 5)[1], windows(150, 40 * days, 5, darker=0.15)[1]
    parts = []
    for day in range(days):
        table = (darker if day in dark else calm).slice(40 * day, 40)
        begin = NOW - (day + 1) * DAY
        times = pa.array([begin + each * timedelta(minutes=30) for each in range(40)], PREDICTION_SCHEMA.field("time").type)
        parts.append(table.set_column(0, "time", times).set_column(1, "request_id", pa.array([f"{day}-{each}" for each in range(40)])))
    return pa.concat_tables(parts)


MONDAYS = (0, 7, 14, 21, 28, 35)


@pytest.mark.parametrize(
    ("dark", "status"),
    [
        (MONDAYS, "no drift"),
        ((0,), "drift"),
        (tuple(range(36)), "drift"),
        (tuple(range(17)), "drift"),
    ],
    ids=["every Monday", "this Monday only", "every day, so it lasts", "for two weeks and a half"],
)
def test_what_comes_and_goes_with_the_week_is_no_drift_and_what_stays_is(scene, windows, dark, status):
    digest = scene.play(current=40).column("bundle")[0].as_py()
    for file in scene.log.rglob("*.parquet"):
        file.unlink()
    table = weeks(windows, dark=dark)
    scene.write(table.set_column(2, "bundle", pa.array([digest] * table.num_rows)))
    judged = judge(scene.log, scene.bundle, since=NOW - DAY, until=NOW)
    verdict = judged.verdict
    assert (verdict.status, verdict.images, verdict.volume.past) == (status, 40, (40,) * 5)
    seasonal = {each.name for each in verdict.detectors if each.seasonal}
    assert bool(seasonal) == (dark == MONDAYS)
    assert ("differ from the reference at this time of every week" in verdict.text) == (dark == MONDAYS)
    assert ("as every week" in summary_html(verdict)) == (dark == MONDAYS)


def test_a_silent_service_is_told_in_the_verdict_the_page_and_the_gauges(scene, windows):
    digest = scene.play(current=40).column("bundle")[0].as_py()
    table = weeks(windows, dark=())
    scene.write(table.set_column(2, "bundle", pa.array([digest] * table.num_rows)))
    verdict = judge(scene.log, scene.bundle, since=NOW, until=NOW + DAY).verdict
    assert (verdict.exit_code, verdict.volume.unusual) == (5, True)
    assert "No image came, the service was silent, which is not usual: " in verdict.text
    assert "the service was silent" in summary_html(verdict)
    assert "lobule_drift_volume_unusual{" in gauges(verdict, now=NOW)
