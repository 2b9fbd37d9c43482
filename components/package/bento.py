"""Builds a Bento from a bundle: `serving/`, the bundle beside it, pinned requirements. It serves without any registry.

The build runs in a process of its own, in a directory that holds nothing else, so that neither training code nor whatever
is imported here can get into it; and in a BentoML home of its own, so that no store of the user is touched.
"""

import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import serving
from components.domain.errors import InputError
from components.domain.settings import signing_key
from components.package.image import DOCKERFILE, dockerfile
from components.package.readme import README, readme
from components.package.requirements import serving_requirements
from serving.contract import Card, tree_digest
from serving.signature import sign_bundle, write_signature

logger = logging.getLogger(__name__)
TAG = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
BENTO_FILE = "bento.yaml"


def package_bundle(bundle: Path, output: Path, *, name: str, version: str) -> str:
    """Build a Bento.

    Args:
        bundle: the bundle directory; its card is checked.
        output: directory that becomes the Bento (`bentoml serve <output>`); must not exist or be empty, or hold a Bento.
        name: of the Bento, lower case.
        version: of the Bento, for example the registered version.

    Returns:
        The Bento's tag, `name:version`.

    Raises:
        InputError: for a name or version that makes no tag, an output in use, or a build that fails.
        ContractError: if the bundle holds no valid card.
    """
    for what, text in (("name", name), ("version", version)):
        if not TAG.fullmatch(text):
            raise InputError(f"a Bento's {what} must be lower-case letters, digits, '.', '_' and '-', but got {text!r}; choose another")
    if output.exists() and any(output.iterdir()) and not (output / BENTO_FILE).is_file():
        raise InputError(f"the output must be new, empty or an earlier Bento, but {output} holds other files; choose another with -o")
    card = Card.read(bundle)
    code = Path(serving.__file__).resolve().parent
    with tempfile.TemporaryDirectory(prefix="lobule-package-") as temporary:
        stage, home = Path(temporary) / "stage", Path(temporary) / "home"
        shutil.copytree(code, stage / "serving", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        shutil.copytree(bundle, stage / "bundle")
        if signing_key():
            write_signature(stage / "bundle", sign_bundle(tree_digest(bundle), signing_key()))
        requirements = serving_requirements(code.parent)
        (stage / "requirements.txt").write_text(requirements, encoding="utf-8")
        (stage / README).write_text(readme(f"{name}:{version}", card, tree_digest(bundle)), encoding="utf-8")
        (stage / "bentofile.yaml").write_text(_bentofile(card, tree_digest(bundle)), encoding="utf-8")
        _build(stage, home, name, version)
        built = home / "bentos" / name / version
        (built / "env" / "python" / "requirements.txt").write_text(requirements, encoding="utf-8")  # BentoML repeats itself without a hash
        (built / DOCKERFILE).write_text(dockerfile(f"{name}:{version}"), encoding="utf-8")
        if output.exists():
            shutil.rmtree(output)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(built, output)
    logger.info("built %s:%s in %s", name, version, output)
    return f"{name}:{version}"


def _bentofile(card: Card, digest: str) -> str:
    labels = {"bundle": digest, "dataset": card.dataset, "certificate": card.certificate, "recipe": card.recipe}
    lines = [
        'service: "serving.service:Lobule"',
        'include: ["serving/**", "bundle/**", "bundle.sig"]',
        "description: file:./README.md",
        "python: {requirements_txt: requirements.txt, lock_packages: false}",
        "labels:",
        *(f'  {key}: "{_label(value)}"' for key, value in labels.items()),
    ]
    return "\n".join(lines) + "\n"


def _label(value: str) -> str:
    """Return a value as BentoML takes labels: at most 63 letters, digits, '.', '_' and '-'."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", value.removeprefix("sha256:"))[:63].strip("._-")


def _build(stage: Path, home: Path, name: str, version: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LOBULE_") and key != "PYTHONPATH"}
    environment |= {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}
    command = [sys.executable, "-m", "bentoml", "build", "--name", name, "--version", version, "-o", "tag", str(stage)]
    done = subprocess.run(command, cwd=stage, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = " ".join((done.stderr or done.stdout).split())[-300:]
        raise InputError(f"`bentoml build` must succeed, but ended with {done.returncode}: {reason}; install the extra `serve`")
