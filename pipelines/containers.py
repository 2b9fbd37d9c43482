"""`lobule run --on docker`: each step in a container of the train image, on this machine's engine.

A container sees what the same step sees as a process: the home, the source, the weights, Keras' folder with those of ImageNet, and
every file that a setting names, at the same paths; the network of the machine; the settings themselves. It runs as the user who calls,
so that what it writes is theirs. Symbolic links that lead out of the source's folder lead nowhere in it.
"""

import getpass
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import docker
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.types import DeviceRequest, Mount
from kfp import local
from kfp.local import docker_task_handler

from components import images
from components.domain.errors import InputError
from components.domain.settings import home
from components.ingest.layouts.manifest import is_manifest_name
from components.learning.imagenet import keras_home
from pipelines.runspec import RunSpec
from pipelines.version import code_digest

LABEL = "lobule.run"
"""On each container: the run that it belongs to."""
CODE = "lobule.code"
"""On each image: the digest of the code that it was built from."""
HANDED = ("LOBULE_", "MLFLOW_", "AWS_", "KERAS_", "TF_", "CUDA_", "OMP_", "OPENBLAS_", "BENTOML_", "KAGGLE_")
"""How the names of variables begin that a container is given."""
ALSO_HANDED = {"DO_NOT_TRACK", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "TZ"}
AWS_FILES = {"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "config"}
"""Variables that name what lies in `~/.aws`, for who has another home."""
SQLITE = "sqlite:///"


def require_image(name: str = images.TRAIN) -> None:
    """Check that the engine answers and has the image, built from this code.

    Raises:
        InputError: if not, with the remedy.
    """
    try:
        client = docker.from_env()
    except DockerException as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"--on docker needs a Docker engine that answers, but got {reason!r}; start it, set DOCKER_HOST, or run without --on"
        ) from None
    try:
        built = client.images.get(name).labels.get(CODE)
    except ImageNotFound:
        raise InputError(
            f"--on docker needs the image {name}, but the engine has none of that name; run `make images`, or set LOBULE_IMAGE_PREFIX"
        ) from None
    finally:
        client.close()
    if built != code_digest():
        raise InputError(f"the image must hold the code of this run, but {name} was built from {built or 'other code'}; run `make images`")


def runner_for(spec: RunSpec) -> local.DockerRunner:
    """Return what runs the steps of a run in containers."""
    docker_task_handler.run_docker_container = run_container
    client = docker.from_env()
    facts = client.info()
    client.close()
    accelerated = "nvidia" in facts.get("Runtimes", {})
    rootless = any("rootless" in option for option in facts.get("SecurityOptions") or [])  # there, root is the user who runs the engine
    home().mkdir(parents=True, exist_ok=True)
    environment = handed(os.environ)
    return local.DockerRunner(
        environment=environment,
        mounts=[Mount(str(path), str(path), type="bind", read_only=read_only) for path, read_only in seen(spec, environment).items()],
        labels={LABEL: spec.name},
        network_mode="host",
        security_opt=["no-new-privileges"],
        user="0:0" if rootless else f"{os.getuid()}:{os.getgid()}",
        **({"device_requests": [DeviceRequest(count=-1, capabilities=[["gpu"]])]} if accelerated else {}),
    )


def handed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a container is given: whole paths of SQLite's files, AWS's keys, Keras' folder; the caller's name."""
    keys = {name: str(path) for name, file in AWS_FILES.items() if (path := Path.home() / ".aws" / file).is_file()}
    given = keys | {name: value for name, value in environment.items() if name.startswith(HANDED) or name.upper() in ALSO_HANDED}
    given |= {name: f"{SQLITE}{Path(value.removeprefix(SQLITE)).resolve()}" for name, value in given.items() if value.startswith(SQLITE)}
    if keras_home().is_dir():
        given["KERAS_HOME"] = str(keras_home().resolve())
    with suppress(OSError, KeyError):  # a user without a name
        given["LOGNAME"] = getpass.getuser()
    return given


def seen(spec: RunSpec, environment: Mapping[str, str]) -> dict[Path, bool]:
    """Return the folders and files of this machine that a container sees, and whether it may only read them.

    Args:
        spec: of the run.
        environment: that the container is given.
    """
    source, weights = (Path(str(spec.arguments[name])) for name in ("source", "weights"))
    if is_manifest_name(source.name):
        source = source.parent  # where the images lie that it names
    named = [weights, *(Path(value) for value in environment.values() if os.path.isfile(value))]  # noqa: PTH113 - a key is too long for Path
    read = [path for path in (source, *named) if path.is_absolute() and path.exists()]
    databases = [Path(value.removeprefix(SQLITE)).parent for value in environment.values() if value.startswith(SQLITE)]
    kept = [Path(environment["KERAS_HOME"])] if "KERAS_HOME" in environment else []  # Keras looks elsewhere if it may not write
    return {**dict.fromkeys(read, True), **dict.fromkeys([home(), *databases, *kept], False)}


def run_container(client: docker.DockerClient, image: str, command: list[str], volumes: dict[str, object], **options: object) -> int:
    """Run a container to its end, pass on what it tells, remove it, and return its exit code.

    In place of KFP's own function, which lets the engine remove the container: where that is faster than the question for the exit
    code, a failed step counts as done.
    """
    container = client.containers.run(image=image, command=command, volumes=volumes, detach=True, **options)
    try:
        for chunk in container.logs(stream=True):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        return int(container.wait()["StatusCode"])
    finally:
        container.remove(force=True, v=True)


def end_containers(run: str) -> None:
    """End and remove what is left of a run's containers."""
    client = docker.from_env()
    try:
        for container in client.containers.list(all=True, filters={"label": f"{LABEL}={run}"}):
            try:
                container.remove(force=True, v=True)
            except NotFound:
                continue
    finally:
        client.close()
