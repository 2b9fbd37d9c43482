import re
from datetime import UTC, datetime

from components.monitor.monitor import judge
from components.monitor.prometheus import gauges, write_gauges

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SAMPLE = re.compile(r'^([a-z_]+)\{((?:[a-z]+="[^"]*",?)+)\} (-?[0-9.e+-]+)$')


def samples(text: str) -> dict[tuple[str, str], float]:
    """Read the exposition format: every line is a comment or a sample."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            found[name, re.sub(r'model="[^"]*",bundle="[0-9a-f]{12}",?', "", labels)] = float(value)
    return found


def test_drift_is_told_with_its_detectors(scene):
    scene.play(darker=0.2)
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    found = samples(gauges(verdict, now=NOW))
    assert found["lobule_drift", ""] == 1.0
    assert found["lobule_drift_window_images", ""] == 120.0
    assert found["lobule_drift_too_little_data", ""] == 0.0
    assert found["lobule_drift_run_timestamp_seconds", ""] == NOW.timestamp()
    effect = next(each.effect for each in verdict.detectors if each.name == "property_brightness")
    assert found["lobule_drift_effect", 'detector="property_brightness"'] == effect


def test_too_little_data_is_neither_drift_nor_calm(scene):
    scene.play(current=12)
    found = samples(gauges(judge(scene.log, scene.bundle, since=None).verdict, now=NOW))
    assert found["lobule_drift_too_little_data", ""] == 1.0
    assert ("lobule_drift", "") not in found


def test_the_official_parser_reads_the_gauges(scene):
    from prometheus_client.parser import text_string_to_metric_families

    scene.play(darker=0.2)
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    object.__setattr__(verdict, "model", 'a "strange" name\\')
    families = {each.name: each for each in text_string_to_metric_families(gauges(verdict, now=NOW))}
    assert families["lobule_drift"].samples[0].value == 1.0
    assert families["lobule_drift"].samples[0].labels["model"] == 'a "strange" name\\'
    assert len(families["lobule_drift_effect"].samples) == len(verdict.detectors)


def test_the_file_is_replaced_whole(scene, tmp_path):
    scene.play(current=12)
    path = tmp_path / "textfile" / "lobule.prom"
    for _ in range(2):
        write_gauges(judge(scene.log, scene.bundle, since=None).verdict, path, now=NOW)
    assert [each.name for each in path.parent.iterdir()] == ["lobule.prom"]
    assert path.read_text().endswith("\n")
