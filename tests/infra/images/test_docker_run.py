"""`lobule run --on docker` as a user meets it, and that it gives what the same run gives in processes."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
LOBULE = Path(sys.executable).with_name("lobule")
SMALL = ("--recipe", "quickstart", "--trials", "2", "--set", "epochs=3", "--set", "trial_epochs=1", "--set", "image_size=32")


@dataclass(frozen=True)
class Shell:
    """Runs `lobule` with one home and one engine."""

    home: Path
    host: str

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("LOBULE_", "MLFLOW_"))}
        return {**ours, "LOBULE_HOME": str(self.home), "DOCKER_HOST": self.host, "NO_COLOR": "1"}

    def __call__(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        given = {"env": self.environment | environment, "cwd": self.home.parent, "capture_output": True, "text": True, "timeout": 1200}
        return subprocess.run([LOBULE, *map(str, arguments)], **given)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        command = [LOBULE, *map(str, arguments)]
        return subprocess.Popen(command, env=self.environment, cwd=self.home.parent, stderr=subprocess.PIPE, text=True)

    def digests(self) -> dict[str, object]:
        """What a finished run says about its data, its metrics and its model's scores."""
        result = json.loads(next((self.home / "runs").glob("*/result.json")).read_text())
        report = Path(result["report"])
        certificate = next((self.home / "pipeline").glob("*/ingest/dataset/certificate.json"))
        told = json.loads((report / "report.json").read_text())
        told.pop("bundle")  # its card tells when it was made
        scores = pq.read_table(report / "predictions.parquet")
        return {
            "dataset, splits": json.loads(certificate.read_text()),
            "metrics": told,
            "scores": hashlib.sha256(json.dumps(scores.to_pylist()).encode()).hexdigest(),
        }


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    from components.ingest.sample import write_sample

    folder = tmp_path_factory.mktemp("data") / "it's histology"
    write_sample(folder, "histology", images=160, seed=3)
    return folder


@pytest.fixture(scope="module")
def way(engine, train_image, sample, tmp_path_factory):
    """A run in containers that was interrupted while it read the images, and then resumed."""
    shell = Shell(tmp_path_factory.mktemp("docker") / "home", engine.host)
    first = shell.start("run", "--data", sample, *SMALL, "--on", "docker")
    told = []
    for line in first.stderr:
        told.append(line)
        if "/10 ingest" in line:
            break
    during = engine("ps", "--format", "{{.Image}} {{.Labels}}")
    first.send_signal(signal.SIGINT)
    told += first.stderr.readlines()
    code, left = first.wait(60), engine("ps", "-aq")
    second = shell("run", "--resume", re.search(r"--resume (\S+)", told[-1])[1])
    return {"shell": shell, "code": code, "during": during, "left": left, "second": second, "after": engine("ps", "-aq")}


def test_an_interrupted_run_ends_its_containers_and_goes_on_in_containers(way, train_image):
    assert way["during"].startswith(f"{train_image} ") and "lobule.run=quickstart-" in way["during"]
    assert (way["code"], way["left"], way["after"]) == (130, "", "")
    assert way["second"].returncode == 0, way["second"].stderr
    assert "10/10 monitor" in way["second"].stderr and "test AUC" in way["second"].stdout


def test_containers_and_processes_give_the_same_data_metrics_and_scores(way, sample, tmp_path):
    assert way["second"].returncode == 0
    plain = Shell(tmp_path / "home", way["shell"].host)
    done = plain("run", "--data", sample, *SMALL)
    assert done.returncode == 0, done.stderr
    assert way["shell"].digests() == plain.digests()


def test_a_step_that_fails_in_a_container_says_why_and_ends_the_run(engine, train_image, tmp_path):
    for name in ("benign/p1.png", "malignant/p2.png"):
        (tmp_path / "broken" / name).parent.mkdir(parents=True)
        (tmp_path / "broken" / name).write_bytes(b"no image")
    done = Shell(tmp_path / "home", engine.host)("run", "--data", tmp_path / "broken", "--recipe", "quickstart", "--on", "docker")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("lobule: a source must hold readable images, but none in ")
    assert "1/10 ingest" in done.stderr and engine("ps", "-aq") == ""


@pytest.mark.parametrize(
    ("what", "environment", "told"),
    [
        ("no image of that name", {"LOBULE_IMAGE_PREFIX": "nowhere/"}, "needs the image nowhere/lobule-train:0.1.0, but"),
        ("an image of other code", {"LOBULE_TRAIN_IMAGE": "lobule-base:test"}, "but lobule-base:test was built from other code; run"),
        ("no engine", {"DOCKER_HOST": "unix:///nowhere/socket"}, "needs a Docker engine that answers, but got"),
    ],
)  # fmt: skip
def test_what_is_missing_is_told_in_one_line_before_anything_starts(engine, sample, tmp_path, what, environment, told):
    done = Shell(tmp_path / "home", engine.host)("run", "--data", sample, "--on", "docker", **environment)
    assert done.returncode == 2 and done.stdout == ""
    assert told in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "home" / "runs").exists()
