"""A real S3-compatible store for tests: OpenStack Swift with its s3api, on loopback, its objects on the disk.

It is installed once into an environment of its own in the user's cache (it wants other versions than ours) and runs as four
processes for the length of a test session. It needs root and a file system with extended attributes.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = ("swift==2.38.3", "setuptools<81")
SERVERS = ("account", "container", "object")
KEY, SECRET = "test:tester", "testing"

SWIFT = """
[swift-hash]
swift_hash_path_suffix = suffix
swift_hash_path_prefix = prefix
[storage-policy:0]
name = one
default = yes
"""
STORAGE = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = root
swift_dir = {folder}
devices = {folder}/dev
mount_check = false
workers = 0
disable_fallocate = true
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = root
swift_dir = {folder}
workers = 0
[pipeline:main]
pipeline = catch_errors healthcheck cache listing_formats bulk s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


@dataclass(frozen=True)
class Store:
    """A running store."""

    endpoint: str
    environment: dict[str, str]


def why_not(folder: Path) -> str:
    """Return why the store cannot run here, "" if it can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "the S3 store of the tests needs root"
    try:
        (folder / "probe").touch()
        os.setxattr(folder / "probe", "user.swift.metadata", b"x" * 1024)
    except (OSError, AttributeError):
        return f"the S3 store of the tests needs extended attributes in {folder}"
    return ""


def install() -> Path:
    """Return the environment of the store, made if it is not there yet.

    Raises:
        OSError: if it cannot be installed, for example without a network.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lobule-tests"
    venv = cache / REQUIREMENTS[0].replace("==", "-")
    if not (venv / "installed").exists():
        cache.mkdir(parents=True, exist_ok=True)
        for command in (["-m", "venv", "--clear", str(venv)], ["-m", "pip", "install", "-q", *REQUIREMENTS]):
            python = sys.executable if "venv" in command else str(venv / "bin" / "python")
            done = subprocess.run([python, *command], capture_output=True, text=True, timeout=540)
            if done.returncode:
                raise OSError(f"the S3 store of the tests cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        (venv / "installed").touch()
    return venv / "bin"


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def running_store(folder: Path) -> Iterator[Store]:
    """Run a store whose objects lie in a folder."""
    programs = install()
    (folder / "dev" / "d1").mkdir(parents=True)
    (folder / "swift.conf").write_text(SWIFT)
    *ports, proxy = free_ports(len(SERVERS) + 1)
    for name, port in zip(SERVERS, ports, strict=True):
        (folder / f"{name}.conf").write_text(STORAGE.format(port=port, folder=folder, name=name))
        for arguments in (["create", "4", "1", "1"], ["add", f"r1z1-127.0.0.1:{port}/d1", "1"], ["rebalance"]):
            subprocess.run([programs / "swift-ring-builder", folder / f"{name}.builder", *arguments], check=True, capture_output=True)
    (folder / "proxy.conf").write_text(PROXY.format(port=proxy, folder=folder))
    endpoint = f"http://127.0.0.1:{proxy}"
    processes = []
    try:
        for name in (*SERVERS, "proxy"):
            with (folder / f"{name}.log").open("w") as log:
                command = [programs / f"swift-{name}-server", folder / f"{name}.conf"]
                processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))
        _wait(f"{endpoint}/healthcheck", folder / "proxy.log")
        yield Store(
            endpoint,
            {
                "AWS_ENDPOINT_URL_S3": endpoint,
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        )
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)


def _wait(url: str, log: Path, *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.2)
    raise TimeoutError(f"the S3 store does not answer: {log.read_text()[-500:]}")
