"""The images as they are built: on a base without Python packages, by an engine that has nothing to begin with."""

import json
import re
import time
import urllib.request
from pathlib import Path

import pytest
from registered import NAME, register, registry_at, running_server
from service_process import free_port
from tiny_bundle import encode, plain, write_bundle

from components import images
from pipelines.version import code_digest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
ROOT = Path(__file__).resolve().parents[3]
TOOLS = "gcc cc make git curl pip pip3"
CONFINED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host")


@pytest.fixture(params=["train", "serve"])
def image(request):
    return request.getfixturevalue(f"{request.param}_image")


def inside(engine, image: str, command: str, *options: str) -> str:
    return engine("run", "--rm", *CONFINED, *options, "--entrypoint", "sh", image, "-c", command, timeout=300)


def test_an_image_says_what_it_is_and_runs_as_nobody_special_without_build_tools(engine, image):
    found = json.loads(engine("inspect", image))[0]["Config"]
    labels = {name.rpartition(".")[2]: value for name, value in found["Labels"].items()}
    assert found["User"] == "10001:10001"
    assert labels["version"] == images.VERSION and labels["code"] == code_digest() and len(labels["revision"]) >= 7
    assert inside(engine, image, f"id -u; for tool in {TOOLS}; do command -v $tool; done; true") == "10001"


def test_its_bill_of_materials_lists_what_the_lock_pins(engine, image):
    lock = (ROOT / "infra" / f"{image.split('-')[1].split(':')[0]}.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9_.-]+)==(\S+)", lock, re.MULTILINE))
    bill = json.loads(inside(engine, image, "cat /app/sbom.cdx.json"))
    listed = {(re.sub("[_.]", "-", part["name"].lower()), part["version"]) for part in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX" and len(listed) > 70
    assert listed - pinned == set()


def test_all_files_of_an_image_carry_one_time(engine, image):
    assert inside(engine, image, "find /app /opt/lobule -newermt 1980-01-02") == ""


def test_the_same_sources_make_the_same_layers_again(engine, serve_image):
    layers = engine("inspect", "-f", "{{json .RootFS.Layers}}", serve_image)
    engine.build("serve", flags="--no-cache")
    assert engine("inspect", "-f", "{{json .RootFS.Layers}}", serve_image) == layers


def test_nothing_of_how_packages_were_reached_stays_in_an_image(engine, image):
    told = engine("history", "--no-trunc", image) + inside(engine, image, "ls -A /run/secrets /root /tmp 2>/dev/null; env; pwd")
    assert "index" not in told and "CERT" not in told and "ca-certificates" not in told


def test_any_user_may_run_a_task_and_the_command_line_on_a_read_only_root(engine, train_image):
    command = "python3 -m kfp.dsl.executor_main --help >/dev/null && lobule recipes && touch $HOME/made && id -u"
    told = inside(engine, train_image, command, "--user", "12345:23456")
    assert "quickstart" in told and told.splitlines()[-1] == "12345"


@pytest.fixture(params=["a bundle", "a registry"])
def model(request, engine, tmp_path):
    """How the service comes to its model: options of `docker run`."""
    bundle = write_bundle(tmp_path / "bundle")
    if request.param == "a bundle":
        yield ["-v", f"{bundle}:/bundle:ro", "-e", "LOBULE_BUNDLE=/bundle"]
        return
    home = tmp_path / "home"
    home.mkdir()
    with registry_at(home) as (uri, client), running_server(uri, tmp_path) as (_, address):
        client.set_registered_model_alias(NAME, "champion", register(bundle))
        yield ["-v", f"{home}:{home}:ro", "-e", f"MLFLOW_TRACKING_URI={address}", "-e", f"LOBULE_MODEL={NAME}@champion"]


def test_the_service_answers_on_a_read_only_root_and_its_health_check_says_so(engine, serve_image, model):
    port = free_port()
    given = [*model, "-e", f"BENTOML_PORT={port}", "-e", "BENTOML_HOST=127.0.0.1"]
    name = engine("run", "-d", *CONFINED, *given, "--health-interval", "1s", serve_image)
    try:
        end = time.monotonic() + 120
        while (health := engine("inspect", "-f", "{{.State.Health.Status}}", name)) != "healthy" and time.monotonic() < end:
            time.sleep(0.5)
        assert health == "healthy", engine("logs", name)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/predict?image=false", encode(plain(200, 50, 20)))
        request.add_header("Content-Type", "application/octet-stream")
        assert json.load(urllib.request.urlopen(request, timeout=30))["class_name"] == "malignant"
        assert engine("exec", name, "sh", "-c", "touch /data/kept && ! touch /opt/lobule/kept 2>/dev/null && id -u") == "10001"
    finally:
        engine("rm", "-fv", name)
