"""The two figures a monitor is chosen by: how often it cries wolf, and how often it sees one."""

import numpy as np
import pyarrow as pa
import pytest

from components.ingest.sample.histology import Histology
from components.monitor.battery import run_detectors
from serving.contract import PREDICTION_SCHEMA, PROPERTIES
from serving.measure import properties
from serving.reference import knn_distance


def alarms(windows, count: int, alpha: float, **shift: float) -> int:
    return sum(
        any(
            detector.drifted
            for detector in run_detectors(*windows(120, 80, 500 + seed, **shift), alpha=alpha, seed=seed, most=999).detectors
        )
        for seed in range(count)
    )


@pytest.mark.slow
def test_windows_without_drift_raise_an_alarm_about_as_often_as_was_set_and_no_more(windows):
    assert 8 <= alarms(windows, 300, 0.1) <= 45  # at most 30 expected, standard deviation 5; several columns go together


@pytest.mark.slow
@pytest.mark.parametrize("shift", [{"darker": 0.1}, {"moved": 1.5}, {"positive": 0.75}])
def test_a_clear_shift_is_seen_nearly_always(windows, shift):
    assert alarms(windows, 12, 0.01, **shift) >= 11


@pytest.fixture(scope="module")
def painted() -> dict[str, np.ndarray]:
    """Five tiles of each of 120 patients, as properties and as small pictures that stand in for embeddings."""
    sample = Histology(600, 3)
    pictures = [sample.paint(shot.scene)[0].pixels for shot in sample.shots()]
    return {
        "properties": np.array([list(properties(picture).values()) for picture in pictures]),
        "small": np.array([picture.reshape(8, 16, 8, 16, 3).mean(axis=(1, 3)).ravel() / 255 for picture in pictures], dtype=np.float32),
        "patient": np.array([shot.group for shot in sample.shots()]),
    }


def of_patients(painted: dict[str, np.ndarray], seed: int, *, count: int = 18, darker: float = 0.0) -> tuple[pa.Table, pa.Table]:
    """Draw a reference window of some patients and a window of 24 others, as a data set's validation and test split are."""
    order = np.random.default_rng(seed).permutation(np.unique(painted["patient"]))
    known, new = (np.flatnonzero(np.isin(painted["patient"], names)) for names in (order[:count], order[count : count + 24]))
    small, groups = painted["small"], painted["patient"][known].tolist()
    moved = np.clip(small[new] - darker, 0, 1)
    return (
        patient_table(painted["properties"][known], small[known], knn_distance(small[known], small[known], groups=groups), groups),
        patient_table(
            painted["properties"][new] - darker * np.eye(len(PROPERTIES))[0], moved, knn_distance(moved, small[known]), [None] * len(new)
        ),
    )


def patient_table(measured: np.ndarray, small: np.ndarray, distance: np.ndarray, groups: list[str | None]) -> pa.Table:
    columns = {
        "embedding": small.tolist(),
        "distance": distance,
        "group": groups,
        **{f"property_{name}": measured[:, index].astype(np.float32) for index, name in enumerate(PROPERTIES)},
    }
    return pa.table({name: columns.get(name, [None] * len(groups)) for name in PREDICTION_SCHEMA.names}, schema=PREDICTION_SCHEMA)


def grouped_alarms(
    painted: dict[str, np.ndarray], count: int, alpha: float, *, known: bool = True, patients: int = 18, darker: float = 0.0
) -> int:
    found = 0
    for seed in range(count):
        reference, current = of_patients(painted, seed, count=patients, darker=darker)
        if not known:
            reference = reference.set_column(reference.schema.get_field_index("group"), "group", pa.nulls(reference.num_rows, pa.string()))
        found += any(detector.drifted for detector in run_detectors(reference, current, alpha=alpha, seed=seed, most=999).detectors)
    return found


@pytest.mark.slow
def test_windows_of_whole_patients_raise_no_more_alarms_than_was_set_once_the_patients_of_the_reference_are_known(painted):
    assert grouped_alarms(painted, 60, 0.1) <= 12  # at most 6 expected, standard deviation 2.3
    assert grouped_alarms(painted, 60, 0.1, known=False) >= 15  # taken for independent: about half


@pytest.mark.slow
def test_a_clear_shift_is_seen_nearly_always_in_windows_of_whole_patients(painted):
    assert grouped_alarms(painted, 12, 0.01, darker=0.08) >= 11  # about two standard deviations of an image


@pytest.mark.slow
def test_from_forty_patients_in_the_reference_on_alarms_are_about_as_many_as_was_set(painted):
    assert 1 <= grouped_alarms(painted, 60, 0.1, patients=60) <= 14  # at most 6 expected, standard deviation 2.3


@pytest.mark.slow
def test_dealing_whole_patients_sees_a_shift_that_dividing_the_evidence_misses(painted, monkeypatch):
    seen = grouped_alarms(painted, 25, 0.01, patients=60, darker=0.03)
    monkeypatch.setattr("components.monitor.battery.MANY", 1000)
    assert seen >= grouped_alarms(painted, 25, 0.01, patients=60, darker=0.03) + 5
