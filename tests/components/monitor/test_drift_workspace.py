import json
from dataclasses import replace
from datetime import timedelta

import pytest

from components.monitor.monitor import judge
from components.monitor.workspace import add_window, summary


def test_a_summary_is_the_counts_and_the_largest_effect_of_each_kind(scene):
    scene.play(darker=0.2)
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    found = summary(verdict)
    assert found["drifted"] == len(verdict.drifted)
    assert found["effect_images"] == max(each.effect for each in verdict.detectors if each.about == "images")
    mix = next(each for each in verdict.detectors if each.name == "verdict")
    assert found["abstain"] == mix.current.get("abstain", 0.0)


def test_a_window_with_too_little_data_has_its_images_alone(scene):
    scene.play(current=12)
    assert summary(judge(scene.log, scene.bundle, since=None).verdict) == {"images": 12.0}


@pytest.mark.slow
def test_windows_gather_in_one_project_of_small_snapshots_that_evidently_plots(scene, tmp_path):
    from evidently.ui.workspace import Workspace

    scene.play(darker=0.2)
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    for day in range(3):
        add_window(tmp_path / "workspace", replace(verdict, last=verdict.last + timedelta(days=day)))
    workspace = Workspace.create(str(tmp_path / "workspace"))
    (project,) = workspace.search_project("lobule-histology")
    assert len(workspace.list_runs(project.id)) == 3
    assert "Drifted properties" in str(project.dashboard.model())
    files = list((tmp_path / "workspace").rglob("snapshots/*.json"))
    assert all(file.stat().st_size < 10_000 for file in files)
    days = sorted(json.loads(file.read_text())["timestamp"][:10] for file in files)
    assert days == [f"{verdict.last + timedelta(days=day):%Y-%m-%d}" for day in range(3)]
