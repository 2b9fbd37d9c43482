"""Runs Terraform on a copy of infra/terraform against moto's stand-in for AWS."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from manifests import INFRA

PROVIDER = "registry.terraform.io/hashicorp/aws"
PATH_STYLE = 'provider "aws" {\n  s3_use_path_style = true\n}\n'
"""The stand-in knows buckets by path alone."""
ALONE = ("-input=false", "-no-color")
"""Options of whoever has no person beside it."""
NOTHING = ("-state=none.tfstate",)
"""As if nothing had been made yet."""
CLUSTER = "arn:aws:iam::123456789012:oidc-provider/oidc.example.org/id/ABC"
CI = "arn:aws:iam::123456789012:oidc-provider/ci.example.org"


@dataclass(frozen=True)
class Workspace:
    """A folder in which Terraform can run."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["terraform", *command], cwd=self.folder, env=self.environment, capture_output=True, text=True)

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["terraform", *command], cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def must(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def planned(self, **variables: object) -> list[dict[str, Any]]:
        """Return the resources that would be there with variables, if nothing were yet."""
        self.must("plan", *ALONE, *NOTHING, "-out=plan", *flags(variables))
        return list(json.loads(self.must("show", "-json", "plan"))["planned_values"]["root_module"]["resources"])

    def planned_types(self, **variables: object) -> set[str]:
        """Return their types alone, in half the time."""
        lines = map(json.loads, self.must("plan", "-json", *ALONE, *NOTHING, *flags(variables)).splitlines())
        return {line["change"]["resource"]["resource_type"] for line in lines if line["type"] == "planned_change"}


def flags(variables: Mapping[str, object]) -> list[str]:
    """Return variables as Terraform's arguments."""
    return [f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in variables.items()]


def workspace(folder: Path, endpoint: str) -> Workspace | str:
    """Return a workspace that is ready, or why there is none."""
    if shutil.which("terraform") is None:
        return "terraform is not installed"
    shutil.copytree(INFRA / "terraform", folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    (folder / "stand_in_override.tf").write_text(PATH_STYLE)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}
    if not Path(environment.get("TF_CLI_CONFIG_FILE", "")).is_file():
        environment.pop("TF_CLI_CONFIG_FILE", None)
    environment |= {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "CHECKPOINT_DISABLE": "1",
    }
    made = Workspace(folder, environment)
    mirrors = [path.parents[2] for path in Path("/opt").glob(f"*/{PROVIDER}")]
    for option in ([f"-plugin-dir={mirror}"] for mirror in mirrors) if mirrors else ([],):
        done = made.run("init", *ALONE, "-backend=false", *option)
        if done.returncode == 0:
            return made
    return f"Terraform finds no provider for AWS here: {' '.join(done.stderr.split())[:200]}"


def allows(policy: Mapping[str, Any], action: str, resource: str) -> bool:
    """Tell whether a policy of a role allows an action on a resource. Nothing of ours denies."""
    return any(
        any(fnmatchcase(action, pattern) for pattern in listed(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
        for statement in listed(policy["Statement"])
        if statement["Effect"] == "Allow"
    )


def listed(value: Any) -> list[Any]:
    """Return what stands in a policy as one or as a list, as a list."""
    return value if isinstance(value, list) else [value]
