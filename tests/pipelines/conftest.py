"""The command line as a user meets it: a process of its own, a home of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

LOBULE = Path(sys.executable).with_name("lobule")


@dataclass(frozen=True)
class Shell:
    """Runs `lobule` with one LOBULE_HOME."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("LOBULE_", "MLFLOW_"))}
        return {**ours, "LOBULE_HOME": str(self.home), "MLFLOW_DISABLE_TELEMETRY": "true", "NO_COLOR": "1"}

    @property
    def store(self) -> str:
        return f"sqlite:///{self.home}/mlflow.db"

    def look_into(self) -> None:
        """Point MLflow in this process at the store of this home."""
        import mlflow

        mlflow.set_tracking_uri(self.store)
        mlflow.set_registry_uri(self.store)

    def __call__(self, *arguments: str | Path, timeout: float = 400) -> subprocess.CompletedProcess[str]:
        command = [str(LOBULE), *map(str, arguments)]
        return subprocess.run(command, env=self.environment, cwd=self.home.parent, capture_output=True, text=True, timeout=timeout)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        command = [str(LOBULE), *map(str, arguments)]
        return subprocess.Popen(
            command, env=self.environment, cwd=self.home.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture(scope="package")
def sample(tmp_path_factory) -> Path:
    """A small histology sample."""
    from components.ingest.sample import write_sample

    folder = tmp_path_factory.mktemp("data") / "histology"
    write_sample(folder, "histology", images=160, seed=3)
    return folder


@pytest.fixture
def shell(tmp_path) -> Shell:
    return Shell(tmp_path / "home")


@pytest.fixture(scope="package")
def shell_at():
    """Makes a shell of a home."""
    return Shell
