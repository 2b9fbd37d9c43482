import re
import subprocess
import sys

import pytest

from components.monitor.evidently_report import METHOD, report_html
from components.monitor.monitor import judge, monitor

LOADS = re.compile(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import""", re.IGNORECASE)


@pytest.mark.slow
def test_the_page_loads_nothing_is_small_and_begins_with_the_verdict(scene, tmp_path):
    scene.play(darker=0.2)
    verdict = monitor(scene.log, scene.bundle, tmp_path, since=None)
    page = (tmp_path / "drift.html").read_text()
    ours, _, theirs = page[page.index("<body>") :].partition("</section>")
    assert len(page.encode()) < 5_000_000
    assert "lobule-histology: drift" in ours
    assert all(detector.words in ours for detector in verdict.detectors)
    assert not LOADS.search(ours)
    assert not re.search(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)\s*=\s*[\"']?(?:https?:)?//", page)
    assert "property_brightness" in page
    assert "root_metric_" in theirs  # Evidently draws below


@pytest.mark.slow
def test_evidently_passes_and_fails_exactly_what_the_verdict_does(scene):
    scene.play(darker=0.1)
    judged = judge(scene.log, scene.bundle, since=None)
    page = report_html(judged.reference, judged.current, judged.verdict.detectors, alpha=judged.verdict.alpha)
    shown = [detector for detector in judged.verdict.detectors if detector.kind != "embedding"]
    found = len(re.findall(r"Data drift detected\. Drift detection method: permutation test", page))
    calm = len(re.findall(r"Data drift not detected\. Drift detection method: permutation test", page))
    assert found == sum(detector.drifted for detector in shown) > 0
    assert calm == len(shown) - found
    assert METHOD == "lobule_permutation"


def test_evidently_and_pandas_are_not_imported_before_a_page_is_written():
    code = "import sys, components.monitor.monitor, components.monitor.page, pipelines.cli.monitor; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"evidently", "pandas", "scipy", "kfp", "mlflow"} & set(done.stdout.split())
