"""The compose file is one that compose takes, fits the images and the manifests, and keeps to the house rules of safety."""

import re
from pathlib import Path

import pytest
import yaml
from compose_spec import PyOptions

from components import images
from components.domain.settings import SETTINGS
from serving import settings as serving_settings
from serving.settings import ServiceSettings

ROOT = Path(__file__).resolve().parents[2]
MLFLOW, SERVE, TRAIN = ROOT / "mlflow" / "Dockerfile", *(ROOT / "infra" / "images" / f"{name}.Dockerfile" for name in ("serve", "train"))
SCRIPT = (ROOT / "mlflow" / "serve.sh").read_text()
REQUIRED = set(re.search(r"for name in ([A-Z_ ]+); do", SCRIPT)[1].split())
TEXT = (ROOT / "infra" / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
OURS = ("bucket", "mlflow", "member", "log", "serve", "monitor")
SECRETS = re.compile(r"PASSWORD|SECRET|BACKEND_STORE")


def filled(value):
    """Return a part of the file with its variables filled in, as compose does after reading: those that must be given with their names."""
    if isinstance(value, dict):
        return {key: filled(each) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each) for each in value]
    if not isinstance(value, str):
        return value
    text = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value)
    return re.sub(r"\$\{([A-Z_]+):\?[^}]*\}", r"\1", text).replace("$$", "$")


def read(text: str) -> None:
    composed = PyOptions().from_yaml(yaml.safe_dump(filled(yaml.safe_load(text))))
    composed.validate()
    composed.to_spec()


def test_compose_takes_the_file():
    read(TEXT)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("cap_drop:", "cap_dropp:"),
        ("condition: service_healthy", "condition: service_happy"),
        ("127.0.0.1:5000:5000", "127.0.0.1:x:5000"),
        ("log:/log", "nowhere:/log"),
    ],
)
def test_a_file_that_compose_would_not_take_is_found(right, wrong):
    assert right in TEXT
    with pytest.raises(ValueError, match=r"."):
        read(TEXT.replace(right, wrong))


def test_the_composed_server_is_given_what_the_start_script_asks_for():
    assert set(SERVICES["mlflow"]["environment"]) >= REQUIRED


@pytest.mark.parametrize(("name", "dockerfile"), [("mlflow", MLFLOW), ("serve", SERVE), ("monitor", TRAIN)])
def test_images_are_built_from_their_own_files(name, dockerfile):
    build = SERVICES[name]["build"]
    assert (ROOT / "infra" / build["context"] / build["dockerfile"]).resolve() == dockerfile
    assert {service["build"]["dockerfile"] for service in SERVICES.values() if service["image"] == SERVICES[name]["image"]} == {
        build["dockerfile"]
    }
    if "user" in SERVICES[name]:
        assert f"USER {SERVICES[name]['user']}\n" in dockerfile.read_text()


def test_no_secret_stands_in_the_compose_file():
    given = [(name, str(value)) for service in COMPOSE["services"].values() for name, value in service.get("environment", {}).items()]
    secrets = [value for name, value in given if SECRETS.search(name)]
    assert len(secrets) >= 6
    assert [value for value in secrets if not re.search(r"\$\{[A-Z_]+:\?", value)] == []


def test_every_variable_that_must_be_given_is_explained_on_top():
    head = TEXT.partition("\nname:")[0]
    assert {name for name in re.findall(r"\$\{([A-Z_]+):\?", TEXT) if name not in head} == set()


def test_every_image_is_ours_or_has_a_tag_that_stays_and_can_be_replaced():
    for name, service in SERVICES.items():
        variable = re.fullmatch(r"\$\{LOBULE_[A-Z]+_IMAGE:-([^}]+)\}", service["image"])
        assert variable and re.search(r":(v?\d+\.\d|RELEASE\.\d)", variable[1]), name
        assert "build" not in service or variable[1].endswith(f":{images.VERSION}"), name


def test_our_containers_are_confined_with_a_root_that_cannot_be_written():
    for name in OURS:
        service = SERVICES[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"], name
        assert service["tmpfs"] == ["/tmp"], name
    assert {name for name, service in SERVICES.items() if "cap_add" in service} == {"log"}


def test_the_composed_server_is_reached_from_this_machine_alone_and_waits_for_its_stores():
    services = SERVICES
    assert [port for service in services.values() for port in service.get("ports", []) if not port.startswith("127.0.0.1:")] == []
    assert services["mlflow"]["depends_on"]["database"] == {"condition": "service_healthy"}
    assert services["bucket"]["depends_on"]["store"] == {"condition": "service_healthy"}


def test_one_who_runs_once_is_waited_for_until_it_is_done():
    once = {name for name, service in SERVICES.items() if "restart" not in service}
    waited = {name: rule["condition"] for service in SERVICES.values() for name, rule in service.get("depends_on", {}).items()}
    assert once == {"bucket", "member", "log"}
    assert {waited[name] for name in once} == {"service_completed_successfully"}


def test_the_settings_of_the_service_and_the_monitor_are_ones_that_they_know():
    given = filled(SERVICES)
    read = ServiceSettings.read(given["serve"]["environment"])
    assert (read.model, read.prediction_log, read.cache) == ("@champion", Path("/log/predictions"), Path("/log/bundles"))
    known = {setting.name for setting in (*SETTINGS, *serving_settings.SETTINGS)}
    asked = {name for who in ("serve", "monitor") for name in given[who]["environment"] if name.startswith("LOBULE_")}
    assert asked <= known


def test_the_monitor_of_compose_and_that_of_the_cluster_do_the_same():
    (cluster,) = re.findall(
        r"lobule monitor .*", (ROOT / "infra" / "kubernetes" / "base" / "monitor.yaml").read_text().partition("command:")[2]
    )
    assert cluster in SERVICES["monitor"]["command"][0]
    assert SERVICES["drift"]["command"] == _arguments("drift")


def test_every_file_that_is_mounted_exists():
    mounts = [volume for service in SERVICES.values() for volume in service.get("volumes", ()) if volume.startswith("./")]
    assert len(mounts) == 4
    assert [mount for mount in mounts if not (ROOT / "infra" / mount.split(":")[0]).exists()] == []


def test_dashboards_ask_the_prometheus_that_is_composed():
    (source,) = yaml.safe_load((ROOT / "infra" / "metrics" / "compose" / "datasource.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((ROOT / "infra" / "metrics" / "compose" / "dashboards.yaml").read_text())["providers"]
    assert any(f":{provider['options']['path']}/" in volume for volume in SERVICES["grafana"]["volumes"])


def _arguments(workload: str) -> list[str]:
    objects = yaml.safe_load_all((ROOT / "infra" / "kubernetes" / "base" / "monitor.yaml").read_text())
    (found,) = [each for each in objects if each["kind"] == "Deployment" and each["metadata"]["name"] == workload]
    return found["spec"]["template"]["spec"]["containers"][0]["args"]
