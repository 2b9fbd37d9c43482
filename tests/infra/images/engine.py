"""A Docker engine of the tests' own, and a base image for it: nothing is pulled, nothing of another engine on this machine is touched.

It needs root, Debian's docker.io and debootstrap. The base is Debian 12 with its Python 3.11, made once into the user's cache.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BASE = "lobule-base:test"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
GIB_NEEDED = 16
"""Of free disk: packages as downloaded, unpacked, and twice in layers."""


@dataclass(frozen=True)
class Engine:
    """A running engine: its address, and a docker program that builds with BuildKit."""

    host: str
    program: str

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("LOBULE_")}
        return {**ours, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1"}

    def __call__(self, *arguments: str, check: bool = True, timeout: float = 120) -> str:
        """Run a docker command and return what it says."""
        command = [self.program, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return (done.stdout + done.stderr).strip()

    def build(self, *images: str, flags: str = "", timeout: float = 1800) -> None:
        """Build images as `make images` does, on the base of the tests."""
        given = {"DOCKER": self.program, "BASE": BASE, "FLAGS": f"--network host --quiet {flags}", "CA": ""}
        if CERTIFICATES.is_file():
            given["CA"] = str(CERTIFICATES)  # of a network whose registries have certificates of their own
        command = [ROOT / "infra" / "images" / "build.sh", *images]
        done = subprocess.run(command, env=self.environment | given, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, done.stderr[-3000:]


def why_not() -> str:
    """Return why no engine can run here, "" if one can."""
    if os.geteuid() != 0:
        return "an engine of the tests' own needs root"
    missing = [name for name in ("dockerd", "debootstrap") if shutil.which(name, path=_PATH) is None]
    if missing:
        return f"{' and '.join(missing)} not installed (Debian: apt-get install docker.io debootstrap)"
    if not _program():
        return "no docker program here builds with BuildKit (a newer one needs docker-buildx)"
    if shutil.disk_usage(tempfile.gettempdir()).free < GIB_NEEDED * 2**30:
        return f"images need {GIB_NEEDED} GiB free in {tempfile.gettempdir()}"
    return ""


@contextlib.contextmanager
def running_engine() -> Iterator[Engine]:
    """Run an engine with the base image; all that it made is removed at the end."""
    base = _base()
    folder = Path(tempfile.mkdtemp(prefix="lobule-docker-"))  # short: a socket's path has at most 108 bytes
    host = f"unix://{folder}/socket"
    options = ["--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid", "--host", host]
    isolated = ["--iptables=false", "--ip6tables=false", "--bridge=none"]  # containers of the tests use the machine's network
    with (folder / "log").open("wb") as log:
        command = [shutil.which("dockerd", path=_PATH), *map(str, options), *isolated]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    engine = Engine(host, _program())
    try:
        for _ in range(150):
            if process.poll() is not None or "Server Version" in engine("info", check=False):
                break
            time.sleep(0.2)
        assert process.poll() is None, (folder / "log").read_text()[-2000:]
        engine("import", str(base), BASE)
        yield engine
    finally:
        with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
            for container in engine("ps", "-aq").split():
                engine("rm", "-fv", container)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()
        for left in (folder / "exec" / "netns").glob("*"):  # of the network of the machine, which the engine leaves mounted
            subprocess.run(["umount", str(left)], capture_output=True)
        subprocess.Popen(["rm", "-rf", str(folder)], start_new_session=True)  # a minute for 10 GB of small files


_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin"


def _program() -> str:
    """Return the first docker program with BuildKit: up to 20.10 it is built in, later ones need a plug-in."""
    for folder in dict.fromkeys(_PATH.split(":")):
        program = Path(folder) / "docker"
        if not os.access(program, os.X_OK):
            continue
        version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()
        old = len(version) > 2 and int(version[2].split(".")[0]) < 23
        if old or not subprocess.run([program, "buildx", "version"], capture_output=True).returncode:
            return str(program)
    return ""


def _base() -> Path:
    """Return the archive of the base image, made if it is not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lobule-tests"
    archive = cache / "bookworm-python3.tar"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="lobule-base-") as folder:
            tree = Path(folder) / "tree"
            command = ["debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates", "bookworm", str(tree)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=540, env={**os.environ, "PATH": _PATH})
            if done.returncode:
                raise OSError(f"the base image cannot be made: {done.stdout.strip().splitlines()[-1:]}")
            for unneeded in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc"):
                shutil.rmtree(tree / unneeded, ignore_errors=True)
            subprocess.run(["tar", "-C", tree, "-cf", archive.with_suffix(".part"), "."], check=True)
        archive.with_suffix(".part").rename(archive)
    return archive
