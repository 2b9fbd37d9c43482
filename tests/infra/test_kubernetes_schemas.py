"""Every object that is applied is one that Kubernetes takes: checked, strictly, against the schemas of its versions."""

import subprocess

import kubernetes_validate
import pytest
import yaml
from manifests import INFRA

from pipelines.placement import SECRET_KEYS

VERSIONS = ("1.33", "1.37")
"""The oldest and the newest that we say work. `preStop: sleep` is there by default since 1.30."""
OPERATOR = {"ServiceMonitor", "PrometheusRule"}
"""Kinds of the Prometheus operator, which come with it."""


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object(overlay, version):
    for each in overlay.objects:
        if each["kind"] not in OPERATOR:
            kubernetes_validate.validate(each, version, strict=True)


def test_a_field_that_does_not_exist_is_found(overlay):
    broken = yaml.safe_load(yaml.safe_dump(overlay.one("Deployment", "serve")))
    broken["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_objects_of_the_prometheus_operator_are_in_production_alone(overlay):
    assert {each["kind"] for each in overlay.of(*OPERATOR)} == (OPERATOR if overlay.name == "production" else set())


def test_what_is_scraped_is_a_port_of_a_service(production):
    for monitor in production.of("ServiceMonitor"):
        (service,) = [
            each
            for each in production.of("Service")
            if monitor["spec"]["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
        ]
        ports = {port["name"] for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports
        assert {endpoint["path"] for endpoint in monitor["spec"]["endpoints"]} == {"/metrics"}


def test_the_dashboard_comes_as_grafanas_sidecar_looks_for_it(production):
    dashboard = production.one("ConfigMap", "lobule-dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["data"] == {"dashboard.json": (INFRA / "metrics" / "dashboard.json").read_text()}


def drawn(*namespace: str) -> list[dict]:
    script = ["sh", INFRA / "kubernetes" / "overlays" / "kind" / "secrets.sh", *namespace]
    return list(yaml.safe_load_all(subprocess.run(script, capture_output=True, text=True, check=True).stdout))


def test_the_drawn_secrets_are_those_that_the_pods_name():
    first, second = drawn(), drawn()
    for secret in first:
        kubernetes_validate.validate(secret, VERSIONS[-1], strict=True)
    names = {secret["metadata"]["name"]: secret["stringData"] for secret in first}
    assert set(names) == {"database", "store", "mlflow", "serve", "monitor"}
    assert names["database"]["POSTGRES_PASSWORD"] in names["mlflow"]["MLFLOW_BACKEND_STORE_URI"]
    assert names["store"]["MINIO_ROOT_PASSWORD"] == names["mlflow"]["AWS_SECRET_ACCESS_KEY"]
    assert len(names["mlflow"]["MLFLOW_AUTH_ADMIN_PASSWORD"]) >= 12
    assert [one["stringData"] == two["stringData"] for one, two in zip(first, second, strict=True)] == [False] * 5


def test_the_secret_of_pipelines_holds_what_submit_fills_variables_with():
    *_, secret = drawn("kubeflow")
    assert secret["metadata"] == {"name": "lobule", "namespace": "kubeflow"}
    assert set(secret["stringData"]) <= set(SECRET_KEYS)
