from datetime import UTC, datetime, timedelta

import pytest

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.slow
def test_the_windows_of_a_version_are_the_steps_of_one_run_that_the_version_names(tmp_path, monkeypatch):
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    import mlflow

    from components.domain.names import TAG_MONITOR
    from components.tracking.store import connect
    from components.tracking.windows import record_window

    connect()
    client = mlflow.MlflowClient()
    client.create_registered_model("lobule-histology")
    for _ in range(2):
        client.create_model_version("lobule-histology", source=str(tmp_path))
    (tmp_path / "drift.json").write_text("{}")
    runs = [
        record_window("lobule-histology", "1", {"drift": value, "drift_images": 100}, time=BEGIN + timedelta(days=day), files=files)
        for day, (value, files) in enumerate([(0, []), (1, [tmp_path / "drift.json"])])
    ]
    runs.append(record_window("lobule-histology", "1", {"drift_images": 5}, time=BEGIN + timedelta(days=2)))  # too little data
    other = record_window("lobule-histology", "2", {"drift": 0}, time=BEGIN)
    assert len(set(runs)) == 1
    assert other not in runs
    history = client.get_metric_history(runs[0], "drift")
    assert [(each.value, each.step, each.timestamp) for each in history] == [
        (0.0, 0, int(BEGIN.timestamp() * 1000)),
        (1.0, 1, int((BEGIN + timedelta(days=1)).timestamp() * 1000)),
    ]
    assert [each.step for each in client.get_metric_history(runs[0], "drift_images")] == [0, 1, 2]
    assert client.get_model_version("lobule-histology", "1").tags[TAG_MONITOR] == runs[0]
    assert [each.path for each in client.list_artifacts(runs[0], "windows")] == ["windows/20260302T000000Z"]
    assert client.get_run(runs[0]).info.status == "FINISHED"
