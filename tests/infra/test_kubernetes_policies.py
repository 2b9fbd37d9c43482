"""What holds for every pod of every overlay: confined, limited, probed, without secrets in the open, and a name for every image."""

import re

import pytest

LIMITS = {"cpu", "memory", "ephemeral-storage"}
CONFINED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
SECRET = re.compile(r"PASSWORD|SECRET|KEY|TOKEN|STORE_URI")
UNITS = {"": 1.0, "m": 1e-3, "Mi": 2.0**20, "Gi": 2.0**30}


def amount(text: str) -> float:
    """Return a Kubernetes quantity as a number."""
    number, unit = re.fullmatch(r"([0-9.]+)(|m|Mi|Gi)", str(text)).groups()
    return float(number) * UNITS[unit]


def test_no_pod_runs_as_root_or_holds_a_token_of_the_cluster(overlay):
    for name, template in overlay.templates().items():
        pod = template["spec"]
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True and context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name


def test_every_container_is_confined_with_a_root_that_cannot_be_written(overlay):
    for name, container in overlay.containers().items():
        assert container["securityContext"] == CONFINED, name


def test_pods_mount_claims_files_and_folders_that_end_with_them_alone(overlay):
    kinds = {
        kind
        for template in overlay.templates().values()
        for volume in template["spec"].get("volumes", ())
        for kind in set(volume) - {"name"}
    }
    assert kinds <= {"persistentVolumeClaim", "configMap", "emptyDir"}


def test_every_container_has_requests_and_limits_and_asks_no_more_than_it_may_take(overlay):
    for name, container in overlay.containers().items():
        resources = container["resources"]
        assert set(resources["requests"]) == set(resources["limits"]) == LIMITS, name
        assert [key for key in LIMITS if amount(resources["requests"][key]) > amount(resources["limits"][key])] == [], name


def test_every_server_is_probed_at_its_start_for_life_and_for_readiness(overlay):
    servers = {each["metadata"]["name"] for each in overlay.of("Deployment", "StatefulSet")}
    for name, container in overlay.containers().items():
        if name.partition("/")[0] in servers:
            probes = {probe for probe in container if probe.endswith("Probe")}
            assert probes == {"startupProbe", "livenessProbe", "readinessProbe"}, name


def test_every_image_has_a_tag_that_stays(overlay):
    for name, container in overlay.containers().items():
        image, _, tag = container["image"].rpartition(":")
        assert image and re.match(r"v?\d|RELEASE\.\d", tag), name


def test_in_production_our_images_come_from_a_registry(production):
    ours = {container["image"] for container in production.containers().values() if "lobule-" in container["image"]}
    assert len(ours) == 3 and all(image.startswith("registry.example.org/") for image in ours)


def test_no_secret_stands_in_a_manifest(overlay):
    assert overlay.of("Secret") == []
    env = [(name, item) for name, container in overlay.containers().items() for item in container.get("env", ())]
    assert [(name, item["name"]) for name, item in env if SECRET.search(item["name"]) and item.get("value")] == []


def test_no_account_of_ours_has_a_right_in_the_cluster(overlay):
    assert overlay.of("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") == []
    assert [each["metadata"]["name"] for each in overlay.of("ServiceAccount") if each["automountServiceAccountToken"] is not False] == []


def test_the_namespace_itself_refuses_pods_that_are_not_confined(overlay):
    assert overlay.one("Namespace", "lobule")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {each["metadata"].get("namespace", "lobule") for each in overlay.objects} == {"lobule"}


@pytest.mark.parametrize("name", ["serve", "mlflow", "monitor"])
def test_nodes_with_accelerators_are_left_to_training(production, name):
    affinity = production.templates()[name]["spec"]["affinity"]["nodeAffinity"]
    (preferred,) = affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred["preference"]["matchExpressions"] == [{"key": "nvidia.com/gpu.present", "operator": "DoesNotExist"}]
