"""The dashboard and the alerts name metrics that there are, and alerts fire when they should: as Prometheus' own tool evaluates them."""

import json
import shutil
import subprocess

import pytest
import yaml
from dashboard import DASHBOARD, PANELS, QUERIES, RULES, exported, names, rule_file

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)


@pytest.fixture(scope="module")
def metrics():
    return exported()


def test_every_metric_of_the_dashboard_is_exported(metrics):
    assert {name for query in QUERIES for name in names(query.expression)} - metrics == set()


def test_every_metric_of_the_alerts_is_exported(metrics):
    assert {name for rule in RULES for name in names(rule["expr"])} - metrics == set()


def test_every_metric_is_shown(metrics):
    shown = {name for query in QUERIES for name in names(query.expression)}
    left = {name for name in metrics - shown if name.startswith("lobule_") and not name.endswith("_created")}
    assert left == {"lobule_request_images", "lobule_drift_too_little_data", "lobule_drift_volume_unusual", "lobule_drift_alarm"}


def test_panels_ask_the_source_that_the_reader_chooses_and_do_not_overlap():
    document = json.loads(DASHBOARD.read_text())
    assert [variable["name"] for variable in document["templating"]["list"]] == ["datasource"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}
    assert len({panel["id"] for panel in document["panels"]}) == len(document["panels"])
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in document["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24


def test_every_alert_says_what_is_wrong_and_what_to_do():
    assert [rule["alert"] for rule in RULES if set(rule["annotations"]) != {"summary", "remedy"}] == []
    assert {rule["labels"]["severity"] for rule in RULES} == {"warning", "critical"}


CASES = [
    ("LobuleServesNoModel", {'lobule_model_info{version="1"}': "1x20"}, 15, False),
    ("LobuleServesNoModel", {'lobule_model_info{version="1"}': "1x5 0x15"}, 15, True),
    ("LobuleServesNoModel", {}, 15, True),
    ("LobuleFails", {'lobule_requests_total{status="200"}': "0+100x20", 'lobule_requests_total{status="500"}': "0+0x20"}, 15, False),
    ("LobuleFails", {'lobule_requests_total{status="200"}': "0+100x20", 'lobule_requests_total{status="500"}': "0+2x20"}, 15, True),
    ("LobuleFails", {'lobule_requests_total{status="200"}': "0+100x20", 'lobule_requests_total{status="503"}': "0+2x20"}, 15, False),
    ("LobuleOverloaded", {'lobule_requests_total{status="200"}': "0+90x20", 'lobule_requests_total{status="429"}': "0+10x20"}, 18, True),
    ("LobuleOverloaded", {'lobule_requests_total{status="200"}': "0+99x20", 'lobule_requests_total{status="429"}': "0+1x20"}, 18, False),
    ("LobuleIsSlow", {f'lobule_request_seconds_bucket{{route="/predict",le="{le}"}}': "0+9x20" for le in ("1.0", "2.5")}, 18, False),
    (
        "LobuleIsSlow",
        {f'lobule_request_seconds_bucket{{route="/predict",le="{le}"}}': f"0+{n}x20" for le, n in (("1.0", 5), ("2.5", 9), ("+Inf", 9))},
        18,
        True,
    ),
    ("LobuleCannotFollow", {'lobule_model_changes_total{outcome="unreachable"}': "0+1x30"}, 25, True),
    ("LobuleCannotFollow", {'lobule_model_changes_total{outcome="unreachable"}': "0 1x29"}, 25, False),
    ("LobuleModelRefused", {'lobule_model_changes_total{outcome="refused"}': "0x5 1x10"}, 8, True),
    ("LobuleModelRefused", {'lobule_model_changes_total{outcome="swapped"}': "0x5 1x10"}, 8, False),
    ("LobuleLogBehind", {"lobule_prediction_log_lag_seconds": "30x20"}, 15, False),
    ("LobuleLogBehind", {"lobule_prediction_log_lag_seconds": "0+60x20"}, 15, True),
    ("LobuleLogLosesRows", {'lobule_prediction_log_rows_total{outcome="lost"}': "0x5 7x10"}, 8, True),
    ("LobuleLogLosesRows", {'lobule_prediction_log_rows_total{outcome="written"}': "0x5 7x10"}, 8, False),
    ("LobuleDrift", {'lobule_drift_alarm{model="m",bundle="b"}': "0x10"}, 5, False),
    ("LobuleDrift", {'lobule_drift_alarm{model="m",bundle="b"}': "1x10"}, 5, True),
    ("LobuleNotWatched", {'lobule_drift_run_timestamp_seconds{model="m"}': "0x90"}, 80, False),
    ("LobuleNotWatched", {}, 80, True),
]


@needs_promtool
def test_alerts_fire_when_they_should_and_only_then(tmp_path):
    (tmp_path / "alerts.yaml").write_text(rule_file())
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                    "eval_time": f"{minutes}m",
                    "exp_samples": [{"labels": "{}", "value": int(fires)}],
                }
            ],
        }
        for alert, series, minutes, fires in CASES
    ]
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["alerts.yaml"], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {alert for alert, *_, fires in CASES if fires} == {rule["alert"] for rule in RULES}


@needs_promtool
def test_a_monitor_that_stopped_is_told_after_two_days(tmp_path):
    (tmp_path / "alerts.yaml").write_text(rule_file())
    expected = {
        "expr": 'count(ALERTS{alertname="LobuleNotWatched",alertstate="firing"})',
        "eval_time": "50h",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }
    series = [{"series": "lobule_drift_run_timestamp_seconds", "values": "0x600"}]
    tests = {
        "rule_files": ["alerts.yaml"],
        "evaluation_interval": "5m",
        "tests": [{"interval": "5m", "input_series": series, "promql_expr_test": [expected]}],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(tests))
    done = subprocess.run(["promtool", "test", "rules", "test.yaml"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
