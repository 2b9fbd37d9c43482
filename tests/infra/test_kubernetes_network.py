"""Who may talk to whom: the network policies, evaluated as the cluster would."""

import pytest
from manifests import Overlay, matches

OURS, CLIENT, STRANGER = {"kubernetes.io/metadata.name": "lobule"}, {"lobule-client": "true"}, {"kubernetes.io/metadata.name": "default"}
"""Labels of the namespaces that pods stand in."""


def allowed(overlay: Overlay, source: tuple[str | None, dict[str, str]], target: str, port: int) -> bool:
    """Tell whether a connection is let out by its source and let in by its target.

    Args:
        overlay: that both stand in.
        source: workload, or None for a pod outside our namespace; and the labels of its namespace.
        target: workload.
        port: of the target.
    """
    workload, namespace = source
    from_labels = overlay.labels(workload) if workload else {}
    names = {each["containerPort"]: each["name"] for each in overlay.containers()[f"{target}/{target}"]["ports"]}

    def passes(rule: dict, peers: str, labels: dict[str, str], space: dict[str, str]) -> bool:
        ports = [each["port"] for each in rule.get("ports", ())]
        met = [_met(peer, labels, space) for peer in rule.get(peers, ())]
        return (not ports or port in ports or names.get(port) in ports) and (not met or any(met))

    def through(direction: str, peers: str, mine: dict[str, str], other: tuple[dict[str, str], dict[str, str]]) -> bool:
        policies = [
            each["spec"]
            for each in overlay.of("NetworkPolicy")
            if direction in each["spec"]["policyTypes"] and matches(each["spec"]["podSelector"], mine)
        ]
        return not policies or any(passes(rule, peers, *other) for policy in policies for rule in policy.get(direction.lower(), ()))

    out = workload is None or through("Egress", "to", from_labels, (overlay.labels(target), OURS))
    return out and through("Ingress", "from", overlay.labels(target), (from_labels, namespace))


def _met(peer: dict, labels: dict[str, str], space: dict[str, str]) -> bool:
    if "ipBlock" in peer:
        return False  # addresses outside the cluster
    inside = matches(peer["namespaceSelector"], space) if "namespaceSelector" in peer else space == OURS
    return inside and matches(peer.get("podSelector", {}), labels)


@pytest.mark.parametrize(
    ("source", "target", "port", "may"),
    [
        (("serve", OURS), "mlflow", 5000, True),
        (("monitor", OURS), "mlflow", 5000, True),
        ((None, CLIENT), "serve", 3000, True),
        ((None, CLIENT), "mlflow", 5000, True),
        ((None, CLIENT), "drift", 9100, True),
        ((None, STRANGER), "serve", 3000, False),
        ((None, STRANGER), "mlflow", 5000, False),
        ((None, CLIENT), "serve", 22, False),
        (("mlflow", OURS), "serve", 3000, False),
        (("drift", OURS), "mlflow", 5000, False),
        (("serve", OURS), "drift", 9100, False),
    ],
)
def test_connections(overlay, source, target, port, may):
    assert allowed(overlay, source, target, port) is may


@pytest.mark.parametrize(
    ("source", "target", "port", "may"),
    [
        (("mlflow", OURS), "database", 5432, True),
        (("mlflow", OURS), "store", 9000, True),
        (("bucket", OURS), "store", 9000, True),
        ((None, CLIENT), "store", 9000, True),
        (("serve", OURS), "store", 9000, False),
        (("serve", OURS), "database", 5432, False),
        ((None, STRANGER), "database", 5432, False),
    ],
)
def test_connections_to_the_stores_that_stand_in_the_cluster(kind, source, target, port, may):
    assert allowed(kind, source, target, port) is may


def test_without_a_policy_nothing_passes(overlay):
    (everything,) = [each["spec"] for each in overlay.of("NetworkPolicy") if each["metadata"]["name"] == "deny-by-default"]
    assert everything["podSelector"].get("matchLabels", {}).items() <= overlay.labels("serve").items()
    assert sorted(everything["policyTypes"]) == ["Egress", "Ingress"] and "ingress" not in everything and "egress" not in everything


def test_only_the_tracking_server_leaves_the_cluster_and_never_for_the_nodes_metadata(production):
    leaving = [each["spec"] for each in production.of("NetworkPolicy") if "ipBlock" in str(each["spec"])]
    assert len(leaving) == 1 and matches(leaving[0]["podSelector"], production.labels("mlflow"))
    assert not any(matches(leaving[0]["podSelector"], production.labels(name)) for name in ("serve", "monitor", "drift"))
    assert leaving[0]["egress"][0]["to"][0]["ipBlock"]["except"] == ["169.254.0.0/16"]
