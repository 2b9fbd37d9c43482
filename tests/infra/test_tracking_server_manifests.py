"""The compose file and the manifests of the tracking server fit its image and start script, and keep to the house rules of safety."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPT = (ROOT / "mlflow" / "serve.sh").read_text()
REQUIRED = set(re.search(r"for name in ([A-Z_ ]+); do", SCRIPT)[1].split())
COMPOSE = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())
SECRETS = re.compile(r"PASSWORD|SECRET|BACKEND_STORE")


@pytest.fixture(scope="module")
def objects():
    base = ROOT / "infra" / "kubernetes" / "base"
    if shutil.which("kubectl"):
        text = subprocess.run(["kubectl", "kustomize", str(base)], capture_output=True, text=True, check=True).stdout
    else:
        text = (base / "mlflow.yaml").read_text()
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def test_the_composed_server_is_given_what_the_start_script_asks_for():
    server = COMPOSE["services"]["mlflow"]
    assert set(server["environment"]) >= REQUIRED
    assert (ROOT / "infra" / server["build"]["context"] / server["build"]["dockerfile"]).resolve() == ROOT / "mlflow" / "Dockerfile"


def test_no_secret_stands_in_the_compose_file():
    given = [(name, str(value)) for service in COMPOSE["services"].values() for name, value in service.get("environment", {}).items()]
    secrets = [value for name, value in given if SECRETS.search(name)]
    assert len(secrets) >= 6
    assert [value for value in secrets if not re.search(r"\$\{[A-Z_]+:\?", value)] == []


def test_every_variable_of_the_compose_file_is_explained_on_top_of_it():
    text = (ROOT / "infra" / "compose.yaml").read_text()
    head = text.partition("\nname:")[0]
    assert {name for name in re.findall(r"\$\{([A-Z_]+):\?", text) if name not in head} == set()


def test_the_composed_server_is_reached_from_this_machine_alone_and_waits_for_its_stores():
    services = COMPOSE["services"]
    assert [port for service in services.values() for port in service.get("ports", []) if not port.startswith("127.0.0.1:")] == []
    assert services["mlflow"]["depends_on"]["database"] == {"condition": "service_healthy"}
    assert services["bucket"]["depends_on"]["store"] == {"condition": "service_healthy"}


def test_pods_are_confined_limited_and_probed(objects):
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    uid = int(re.search(r"--uid (\d+)", (ROOT / "mlflow" / "Dockerfile").read_text())[1])
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == uid
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert set(container["resources"]) == {"requests", "limits"}
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
        assert container["envFrom"] == [{"secretRef": {"name": "mlflow"}}]
        assert [item["name"] for item in container["env"] if SECRETS.search(item["name"])] == []


def test_the_service_leads_to_the_port_that_the_image_opens(objects):
    container = objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    port = objects["Service"]["spec"]["ports"][0]
    opened = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert f"EXPOSE {opened[port['targetPort']]}" in (ROOT / "mlflow" / "Dockerfile").read_text()
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert objects["Service"]["spec"]["selector"].items() <= labels.items()
