"""The Kubernetes manifests as `kubectl kustomize` renders them, and questions about them."""

import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
OVERLAYS = ("kind", "production")
Object = dict[str, Any]


@dataclass(frozen=True)
class Overlay:
    """All objects of an overlay."""

    name: str
    objects: tuple[Object, ...]

    def of(self, *kinds: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] in kinds]

    def one(self, kind: str, name: str) -> Object:
        (found,) = [each for each in self.of(kind) if each["metadata"]["name"] == name]
        return found

    def templates(self) -> dict[str, Object]:
        """Return the pod template of each workload, by the workload's name."""
        found = {each["metadata"]["name"]: each["spec"]["template"] for each in self.of("Deployment", "StatefulSet", "Job")}
        return found | {each["metadata"]["name"]: each["spec"]["jobTemplate"]["spec"]["template"] for each in self.of("CronJob")}

    def containers(self) -> dict[str, Object]:
        """Return all containers, by workload and name."""
        templates = self.templates().items()
        return {
            f"{name}/{each['name']}": each
            for name, template in templates
            for each in (*template["spec"]["containers"], *template["spec"].get("initContainers", ()))
        }

    def labels(self, workload: str) -> dict[str, str]:
        return self.templates()[workload]["metadata"]["labels"]


@functools.cache
def render(overlay: str) -> Overlay:
    """Render an overlay.

    Raises:
        AssertionError: where kubectl refuses it, with its words.
    """
    command = ["kubectl", "kustomize", str(INFRA / "kubernetes" / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Overlay(overlay, tuple(yaml.safe_load_all(done.stdout)))


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """Tell whether a label selector selects labels."""
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(_fulfils(each, labels) for each in selector.get("matchExpressions", ()))


def _fulfils(expression: Object, labels: dict[str, str]) -> bool:
    assert expression["operator"] == "In", "the manifests use no other operator for pods"
    return labels.get(expression["key"]) in expression["values"]
