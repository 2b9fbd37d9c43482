"""The parts of the manifests fit each other, the images, and the settings of the code that they run."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from manifests import ROOT, matches

from components import images
from components.domain.settings import SETTINGS
from pipelines.cli.monitor import command as monitor_command
from serving import settings as serving_settings
from serving.settings import ServiceSettings

DOCKERFILES = {
    "mlflow": ROOT / "mlflow" / "Dockerfile",
    "serve": ROOT / "infra" / "images" / "serve.Dockerfile",
    "monitor": ROOT / "infra" / "images" / "train.Dockerfile",
}


def plain_env(container):
    return {item["name"]: item["value"] for item in container.get("env", ()) if "value" in item}


def test_every_selector_selects_the_pods_of_one_workload(overlay):
    selectors = {f"Service {each['metadata']['name']}": {"matchLabels": each["spec"]["selector"]} for each in overlay.of("Service")}
    selectors |= {f"budget {each['metadata']['name']}": each["spec"]["selector"] for each in overlay.of("PodDisruptionBudget")}
    for name, selector in selectors.items():
        assert [matches(selector, overlay.labels(workload)) for workload in overlay.templates()].count(True) == 1, name


def test_services_and_probes_lead_to_ports_that_the_containers_open(overlay):
    for name, container in overlay.containers().items():
        opened = {port["name"] for port in container.get("ports", ())}
        asked = {probe["httpGet"]["port"] for key, probe in container.items() if key.endswith("Probe") and "httpGet" in probe}
        assert asked <= opened, name
    for service in overlay.of("Service"):
        workload = service["spec"]["selector"]["app.kubernetes.io/name"]
        opened = {port["name"] for port in overlay.containers()[f"{workload}/{workload}"]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= opened


@pytest.mark.parametrize(("name", "dockerfile"), DOCKERFILES.items())
def test_pods_run_as_the_user_of_their_image_and_open_its_port(overlay, name, dockerfile):
    text = dockerfile.read_text()
    assert f"USER {overlay.templates()[name]['spec']['securityContext']['runAsUser']}:" in text
    ports = [port["containerPort"] for port in overlay.containers()[f"{name}/{name}"].get("ports", ())]
    assert [f"EXPOSE {port}" for port in ports] == re.findall(r"^EXPOSE \d+$", text, re.MULTILINE)


def test_our_images_are_of_this_version_of_the_code(overlay):
    ours = [container["image"] for container in overlay.containers().values() if "lobule-" in container["image"]]
    assert len(ours) >= 3 and [image for image in ours if not image.endswith(f":{images.VERSION}")] == []


def test_the_tracking_server_is_given_its_secret_and_answers_to_its_names(overlay):
    container = overlay.containers()["mlflow/mlflow"]
    assert container["envFrom"] == [{"secretRef": {"name": "mlflow"}}]
    host = re.search(r"http://([^:]+):5000", plain_env(overlay.containers()["serve/serve"])["MLFLOW_TRACKING_URI"])[1]
    assert {f"{host}:*", f"{host}.lobule:*"} <= set(plain_env(container)["MLFLOW_SERVER_ALLOWED_HOSTS"].split(","))


def test_settings_of_the_service_are_ones_that_it_knows_and_takes(overlay):
    given = plain_env(overlay.containers()["serve/serve"])
    known = {setting.name for setting in serving_settings.SETTINGS}
    assert {name for name in given if name.startswith("LOBULE_")} - known <= {"LOBULE_HOME"}
    read = ServiceSettings.read(given | {"LOBULE_THREADS": "2"})
    assert (read.model, read.tracking_uri, read.prediction_log) == ("@champion", "http://mlflow:5000", Path("/log/predictions"))


def test_the_service_works_on_as_many_images_at_once_as_it_has_processors(overlay):
    (threads,) = [item for item in overlay.containers()["serve/serve"]["env"] if item["name"] == "LOBULE_THREADS"]
    assert threads["valueFrom"]["resourceFieldRef"]["resource"] == "limits.cpu"


def test_what_is_written_lies_on_a_mount_that_can_be_written(overlay):
    for workload in ("serve", "monitor", "mlflow"):
        container = overlay.containers()[f"{workload}/{workload}"]
        mounts = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
        written = [
            value
            for name, value in plain_env(container).items()
            if value.startswith("/") and not (workload == "monitor" and name == "LOBULE_PREDICTION_LOG")
        ]
        assert written and [path for path in written if not any(Path(path).is_relative_to(mount) for mount in mounts)] == []


def test_a_pod_that_ends_has_time_to_leave_the_endpoints_answer_and_write_its_log(overlay):
    pod = overlay.templates()["serve"]["spec"]
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause >= 2 * pod["containers"][0]["readinessProbe"]["periodSeconds"]
    assert pod["terminationGracePeriodSeconds"] >= pause + ServiceSettings().timeout + 10  # PredictionLog.close waits 10 s


def test_a_rollout_and_a_drained_node_leave_replicas_that_answer(production):
    deployment, scaler = production.one("Deployment", "serve"), production.one("HorizontalPodAutoscaler", "serve")
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in deployment["spec"]
    assert scaler["spec"]["minReplicas"] > production.one("PodDisruptionBudget", "serve")["spec"]["maxUnavailable"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == "serve"


def test_the_monitor_reads_the_log_that_the_service_writes_and_leaves_its_gauges_where_they_are_served(overlay):
    writer, reader, shown = (overlay.containers()[f"{name}/{name}"] for name in ("serve", "monitor", "drift"))
    where = [{mount["mountPath"]: mount.get("subPath") for mount in each["volumeMounts"]} for each in (writer, reader, shown)]
    assert where[0]["/log/predictions"] == where[1]["/log/predictions"]
    gauges = re.search(r"--prometheus (\S+)", reader["args"][0])[1]
    folder = re.search(r"directory=(\S+)", " ".join(shown["args"]))[1]
    assert where[1][str(Path(gauges).parent)] == where[2][folder] and gauges.endswith(".prom")
    owners = {
        (pod["runAsUser"], pod["fsGroup"])
        for pod in (overlay.templates()[name]["spec"]["securityContext"] for name in ("serve", "monitor"))
    }
    assert len(owners) == 1
    assert set(plain_env(reader)) - {"HOME"} <= {setting.name for setting in SETTINGS}


@pytest.mark.parametrize(("answered", "job"), [(0, 0), (4, 0), (5, 0), (1, 1), (2, 2), (130, 130)])
def test_drift_and_too_little_data_are_answers_and_no_failures_of_the_job(production, tmp_path, answered, job):
    (tmp_path / "lobule").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\nexit {answered}\n')
    (tmp_path / "lobule").chmod(0o755)
    container = production.containers()["monitor/monitor"]
    done = subprocess.run([*container["command"], *container["args"]], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == job
    monitor_command.make_context("monitor", (tmp_path / "said").read_text().split()[1:])  # knows every option


def test_secrets_that_pods_name_are_described_beside_them(overlay):
    for name, container in overlay.containers().items():
        for source in container.get("envFrom", ()):
            secret = source["secretRef"]["name"]
            told = [path.read_text() for path in (ROOT / "infra" / "kubernetes").rglob("*") if path.suffix in {".yaml", ".sh"}]
            assert any(f"secret `{secret}` holds" in text or f"secret lobule {secret} " in text for text in told), name


def test_python_of_the_manifests_compiles(overlay):
    for name, container in overlay.containers().items():
        if container.get("command", [""])[0] == "python":
            compile(container["args"][0], f"{name} of {overlay.name}", "exec")
