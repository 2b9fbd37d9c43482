"""The dashboard and the alerts, as Prometheus meets them."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass

import yaml
from manifests import INFRA, ROOT

DASHBOARD = INFRA / "metrics" / "dashboard.json"
ALERTS = INFRA / "metrics" / "alerts.yaml"
PANELS = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["spec"]["groups"] for rule in group["rules"]]


@dataclass(frozen=True)
class Query:
    """What one line of a panel asks."""

    panel: str
    expression: str
    legend: str

    @property
    def labels(self) -> set[str]:
        """Labels that the legend shows."""
        return set(re.findall(r"\{\{(\w+)\}\}", self.legend))

    def over(self, interval: str) -> str:
        """Return the expression with the interval that Grafana fills in."""
        return self.expression.replace("$__rate_interval", interval)


QUERIES = [Query(panel["title"], target["expr"], target.get("legendFormat", "")) for panel in PANELS for target in panel["targets"]]


def rule_file() -> str:
    """Return the alerts as a rule file, cut out as compose does it."""
    compose = yaml.safe_load((INFRA / "compose.yaml").read_text())["services"]["prometheus"]
    script = " ".join(compose["command"]).replace("/etc/lobule/alerts.yaml", str(ALERTS))
    cut = re.search(r"(sed .*?) >", script)[1]
    return subprocess.run(["sh", "-c", cut], capture_output=True, text=True, check=True).stdout


def names(expression: str) -> set[str]:
    """Return the metrics of an expression, a histogram by its own name."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\blobule_\w+", expression)}


def exported() -> set[str]:
    """Return the metrics of the service and of the monitor: what they register, not what a page says."""
    code = (
        "from serving.metrics import Metrics, render; Metrics()\n"
        "from components.monitor.prometheus import _HELP\n"
        "print(*[line.split()[2] for line in render().decode().splitlines() if line.startswith('# TYPE')], *_HELP)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())
