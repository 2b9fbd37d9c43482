"""A real Prometheus, configured as compose has it, scrapes a real service and the gauges of a real `lobule monitor`.

Every line of the dashboard is then asked as Grafana asks it: none may be an error, and what the traffic must show is there.
"""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboard import QUERIES, RULES, rule_file
from manifests import INFRA
from service_process import free_port, running_service, web
from tiny_bundle import encode, plain, write_bundle

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("prometheus") is None or shutil.which("prometheus-node-exporter") is None,
        reason="Prometheus is not installed (Debian: apt-get install prometheus prometheus-node-exporter)",
    ),
]
QUIET = {"Outcomes of following the alias", "What the answers were worth", "Images of the window, and how many are usual"}
"""Panels that may have an empty line: a fixed bundle follows nothing, no labels came, and one day is no history."""


@contextlib.contextmanager
def running(command: list[str], ready: str, log: Path) -> Iterator[None]:
    """Run a program until the address answers 200, and end it."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        end = time.monotonic() + 30
        while True:
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            with contextlib.suppress(Exception):
                if web.get(ready).status_code == 200:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(20)


def send(url: str, *, images: int) -> None:
    """Send images of many colours, one that is refused, and one that is asked for nowhere."""
    for index in range(images):
        picture = encode(plain(37 * index % 256, 101 * index % 256, 60, height=48, width=48 + index % 7))
        assert web.post(f"{url}/predict?image=false", content=picture, headers={"Content-Type": "image/png"}).status_code == 200
    assert web.post(f"{url}/predict", content=b"no image", headers={"Content-Type": "image/png"}).status_code == 400
    assert web.get(f"{url}/nowhere").status_code == 404


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Prometheus that has scraped both while requests came."""
    folder = tmp_path_factory.mktemp("prometheus")
    bundle, drift, log = write_bundle(folder / "bundle"), folder / "drift", folder / "predictions"
    drift.mkdir()
    ports = {"drift:9100": f"127.0.0.1:{free_port()}", "own": f"127.0.0.1:{free_port()}"}
    with contextlib.ExitStack() as stack:
        settings = {
            "LOBULE_BUNDLE": str(bundle),
            "LOBULE_MODEL_VERSION": "7",
            "LOBULE_PREDICTION_LOG": str(log),
            "LOBULE_PREDICTION_LOG_SECONDS": "1",
        }
        service = stack.enter_context(running_service(folder / "service", **settings))
        exporter = ["--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={drift}"]
        stack.enter_context(
            running(
                ["prometheus-node-exporter", *exporter, f"--web.listen-address={ports['drift:9100']}", "--web.disable-exporter-metrics"],
                f"http://{ports['drift:9100']}/metrics",
                folder / "exporter.txt",
            )
        )
        configuration = (INFRA / "metrics" / "compose" / "prometheus.yaml").read_text()
        places = {"serve:3000": service.url.removeprefix("http://"), "drift:9100": ports["drift:9100"]}
        for there, here in {**places, "/tmp/alerts.yaml": str(folder / "alerts.yaml"), "15s": "1s", "5s": "1s", "30s": "1s"}.items():
            assert there in configuration
            configuration = configuration.replace(there, here)
        (folder / "prometheus.yaml").write_text(configuration)
        (folder / "alerts.yaml").write_text(rule_file())
        command = [f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={ports['own']}"]
        stack.enter_context(running(["prometheus", *command], f"http://{ports['own']}/-/ready", folder / "prometheus.txt"))
        send(service.url, images=40)
        time.sleep(2.5)  # the log is written, and what was asked first is scraped
        judged = subprocess.run(
            [Path(sys.executable).with_name("lobule"), "monitor", bundle, "--no-html", "--prometheus", drift / "lobule.prom"],
            env={"PATH": "/usr/bin:/bin", "LOBULE_HOME": str(folder / "home"), "LOBULE_PREDICTION_LOG": str(log)},
            capture_output=True,
            text=True,
        )
        assert judged.returncode == 4, judged.stdout + judged.stderr  # forty colours are not the reference's
        send(service.url, images=20)
        time.sleep(3.5)
        yield f"http://{ports['own']}"


def ask(prometheus: str, expression: str) -> list[dict]:
    answer = web.get(f"{prometheus}/api/v1/query", params={"query": expression}).json()
    assert answer["status"] == "success", f"{expression}: {answer}"
    return answer["data"]["result"]


def test_both_are_scraped_without_an_error(prometheus):
    targets = web.get(f"{prometheus}/api/v1/targets").json()["data"]["activeTargets"]
    assert {(target["labels"]["job"], target["health"], target["lastError"]) for target in targets} == {
        ("serve", "up", ""),
        ("drift", "up", ""),
    }


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.panel}: {query.legend}")
def test_every_line_of_the_dashboard_answers(prometheus, query):
    found = ask(prometheus, query.over("20s"))
    assert found or query.panel in QUIET, query.expression
    for line in found:
        assert query.labels <= set(line["metric"]), query.legend


def test_the_dashboard_tells_what_was_sent(prometheus):
    routes = {line["metric"]["route"]: float(line["value"][1]) for line in ask(prometheus, "sum by (route) (lobule_requests_total)")}
    assert routes["/predict"] == 62 and routes["other"] == 2
    assert [line["value"][1] for line in ask(prometheus, "sum(lobule_predictions_total)")] == ["60"]


def test_drift_alarms_and_nothing_else_does(prometheus):
    rules = web.get(f"{prometheus}/api/v1/rules").json()["data"]["groups"]
    assert {rule["name"]: rule["health"] for group in rules for rule in group["rules"]} == dict.fromkeys(
        (rule["alert"] for rule in RULES), "ok"
    )
    assert {line["metric"]["alertname"] for line in ask(prometheus, 'ALERTS{alertstate="firing"}')} == {"LobuleDrift"}
