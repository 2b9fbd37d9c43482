"""The two figures a monitor is chosen by: how often it cries wolf, and how often it sees one."""

import pytest

from components.monitor.battery import run_detectors


def alarms(windows, count: int, alpha: float, **shift: float) -> int:
    return sum(
        any(detector.drifted for detector in run_detectors(*windows(120, 80, 500 + seed, **shift), alpha=alpha, seed=seed).detectors)
        for seed in range(count)
    )


@pytest.mark.slow
def test_windows_without_drift_raise_an_alarm_about_as_often_as_was_set_and_no_more(windows):
    assert 8 <= alarms(windows, 300, 0.1) <= 45  # at most 30 expected, standard deviation 5; several columns go together


@pytest.mark.slow
@pytest.mark.parametrize("shift", [{"darker": 0.1}, {"moved": 1.2}, {"positive": 0.75}])
def test_a_clear_shift_is_seen_nearly_always(windows, shift):
    assert alarms(windows, 12, 0.01, **shift) >= 11
