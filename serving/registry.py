"""From the name of a model to its bundle on disk. The only place that talks to the model registry.

A registered version is an MLflow pyfunc model (`serving.pyfunc`) with the bundle directory as its artifact `bundle`. Bundles
are kept under their digest, so that a version is downloaded once and two names for the same content share it.
"""

import logging
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from serving.contract import CARD_FILE, Card, tree_digest
from serving.signature import signature_file, write_signature

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
CHAMPION = "champion"
ARTIFACT = "bundle"
"""Name of the artifact of a registered pyfunc model that is the bundle directory."""
TAG_BUNDLE = "lobule.bundle"
"""Tag of a model version that names the digest of its bundle."""
TAG_LEDGER = "lobule.ledger"
"""Tag of a registered model that is the ledger of another one, and no model."""
TEST = ("test_", "test/", "test interval/")
"""How the names of metrics on the test split, and of their intervals, begin in MLflow; the first is that of version 0.1."""
TAG_SIGNATURE = "lobule.signature"
"""Tag of a model version that holds the signature of that digest (`serving.signature`)."""
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # whoever follows an alias asks again anyway
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
_SILENT = frozenset({"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "DEADLINE_EXCEEDED"})
"""MLflow's error codes for no connection and for a server that failed; its other codes are answers."""
TRAIN = "train one with `lobule run --promote`"
FORMS = "use @alias, NAME@alias, NAME/VERSION, VERSION or a directory that holds card.json"


class RegistryError(ValueError):
    """A model cannot be found; the message names the rule, the value and the remedy in one line."""


class UnreachableError(RegistryError):
    """The registry did not answer at all, so that nothing is known; it may the next time."""


@dataclass(frozen=True)
class Location:
    """A registered version. `alias` is what it was found by, without `@`."""

    name: str
    version: str
    alias: str | None


@dataclass(frozen=True)
class Resolved:
    """A bundle on disk, and what it is called.

    Attributes:
        name: registered name, or the card's for a directory.
        version: registered version; None for a directory.
        alias: that it was found by, without `@`; None for a version or a directory.
        bundle: the bundle directory.
        followed: whether the name may mean another version tomorrow.
    """

    name: str
    version: str | None
    alias: str | None
    bundle: Path
    followed: bool


def resolve(model: str | None, *, tracking_uri: str, cache: Path) -> Resolved:
    """Find a model and bring its bundle to this machine.

    Args:
        model: `@alias` or nothing for `@champion` (of the only model that has it), `NAME@alias`, `NAME/VERSION`, `VERSION`
            (of the only registered model), or a directory that holds `card.json`.
        tracking_uri: of the MLflow server or store.
        cache: directory in which bundles are kept, each under its digest.

    Raises:
        RegistryError: if there is no such model, several fit, or the registry does not answer.
        ContractError: if a directory holds no valid card.
    """
    if model and (Path(model) / CARD_FILE).is_file():
        bundle = Path(model).resolve()
        return Resolved(Card.read(bundle).name, None, None, bundle, False)
    place = locate(model, tracking_uri=tracking_uri)
    bundle = fetch(place, tracking_uri=tracking_uri, cache=cache)
    return Resolved(place.name, place.version, place.alias, bundle, place.alias is not None)


def locate(model: str | None, *, tracking_uri: str) -> Location:
    """Find the registered version that a name means now, without downloading it.

    Raises:
        RegistryError: if there is none, several fit, or the registry does not answer.
    """
    from mlflow.exceptions import MlflowException

    text = (model or f"@{CHAMPION}").strip()
    if tracking_uri.startswith("sqlite:///") and not Path(tracking_uri.removeprefix("sqlite:///")).is_file():  # MLflow would create it
        raise UnreachableError(f"{text!r} must be a registered model, but there is no registry yet at {tracking_uri}; {TRAIN}, or {FORMS}")
    try:
        return _locate(_client(tracking_uri), text)
    except MlflowException as error:
        if error.error_code in _SILENT:
            asked = _without_credentials(tracking_uri, tracking_uri)
            raise UnreachableError(f"the registry must answer, but {asked} does not ({_line(error, tracking_uri)}); start it") from None
        raise RegistryError(f"{text!r} must be a registered model, but the registry says: {_line(error, tracking_uri)}; {FORMS}") from None
    except OSError as error:
        asked = _without_credentials(tracking_uri, tracking_uri)
        raise UnreachableError(f"the registry must answer, but {asked} does not ({type(error).__name__}); start it") from None


def _locate(client: "MlflowClient", text: str) -> Location:
    if "@" in text:
        name, _, alias = text.partition("@")
        name = name or _only([found.name for found in client.search_registered_models() if alias in found.aliases], text)
        return Location(name, str(client.get_model_version_by_alias(name, alias).version), alias)
    name, _, version = text.rpartition("/")
    if not version.isdigit():
        raise RegistryError(f"{text!r} names no model; {FORMS}")
    name = name or _only([found.name for found in client.search_registered_models() if TAG_LEDGER not in found.tags], text)
    return Location(name, str(client.get_model_version(name, version).version), None)


def _only(names: list[str], text: str) -> str:
    if len(names) == 1:
        return names[0]
    if not names:
        raise RegistryError(f"{text!r} must be a registered model, but none fits; {TRAIN}, or {FORMS}")
    raise RegistryError(
        f"{text!r} must mean one model, but fits {', '.join(sorted(names))}; put its name before it, as in {names[0]}@alias"
    )


def fetch(place: Location, *, tracking_uri: str, cache: Path) -> Path:
    """Bring the bundle of a registered version to this machine, unless it is there; whole or not at all.

    Raises:
        RegistryError: if it cannot be downloaded, holds no bundle or is not what its tag says.
    """
    import yaml
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    client = _client(tracking_uri)
    try:
        tags = client.get_model_version(place.name, place.version).tags
        tagged, signature = str(tags.get(TAG_BUNDLE, "")), str(tags.get(TAG_SIGNATURE, ""))
        found = kept(cache, tagged)
        if found:
            _keep_signature(found, signature)
            return found
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".part-") as temporary:
            logger.info("downloading %s version %s", place.name, place.version)
            uri = f"models:/{place.name}/{place.version}"
            model = Path(download_artifacts(artifact_uri=f"{uri}/MLmodel", dst_path=temporary))  # mlflow-skinny reads it with pandas alone
            inside = yaml.safe_load(model.read_text(encoding="utf-8"))["flavors"]["python_function"]["artifacts"][ARTIFACT]["path"]
            bundle = Path(download_artifacts(artifact_uri=f"{uri}/{inside}", dst_path=temporary))
            found = _keep(bundle, cache, tagged, place)
            _keep_signature(found, signature)
            return found
    except MlflowException as error:
        raise RegistryError(
            f"{place.name}/{place.version} must be on the artifact store, but cannot be downloaded: {_line(error, tracking_uri)}; "
            "check the store"
        ) from None
    except KeyError:
        raise RegistryError(
            f"{place.name}/{place.version} must hold the artifact {ARTIFACT!r}, but does not; register a model trained with `lobule run`"
        ) from None
    except OSError as error:
        raise RegistryError(f"{place.name}/{place.version} cannot be kept in {cache} ({error.strerror}); set LOBULE_BUNDLE_CACHE") from None


def evaluated(name: str, version: str, *, bundle: str, tracking_uri: str) -> dict[str, float]:
    """Return what the run of a registered version measured on the test split: values by name, with `_low` and `_high` for an interval.

    Empty where the registry does not answer, or where the run's figures are of another bundle.
    """
    from mlflow.exceptions import MlflowException

    if tracking_uri.startswith("sqlite:///") and not Path(tracking_uri.removeprefix("sqlite:///")).is_file():  # MLflow would create it
        return {}
    try:
        client = _client(tracking_uri)
        run = client.get_run(client.get_model_version(name, version).run_id).data
    except (MlflowException, OSError) as error:
        logger.info("the figures of %s/%s are not known: %s", name, version, _line(error, tracking_uri))
        return {}
    if run.tags.get(TAG_BUNDLE) != bundle:
        return {}
    return {key.removeprefix(start): float(value) for start in TEST for key, value in run.metrics.items() if key.startswith(start)}


def kept(cache: Path, digest: str) -> Path | None:
    """Return the bundle with a digest from the cache; None if it is not there. One that was damaged since is thrown away."""
    place = _place(cache, digest)
    if not DIGEST.fullmatch(digest) or not place.is_dir():
        return None
    if tree_digest(place) == digest:
        return place
    logger.warning("%s was damaged and is fetched again", place)
    shutil.rmtree(place, ignore_errors=True)
    return None


def _keep(bundle: Path, cache: Path, tagged: str, place: Location) -> Path:
    digest = tree_digest(bundle)
    if tagged and digest != tagged:
        raise RegistryError(f"{place.name}/{place.version} must have the digest {tagged}, but its bundle has {digest}; register it again")
    target = _place(cache, digest)
    try:
        bundle.rename(target)
    except OSError:  # another process was first
        if not target.is_dir():
            shutil.copytree(bundle, target)
    return target


def _place(cache: Path, digest: str) -> Path:
    return cache / digest.removeprefix("sha256:")


def _keep_signature(bundle: Path, signature: str) -> None:
    if signature and not (signature_file(bundle).is_file() and signature_file(bundle).read_text(encoding="utf-8").strip() == signature):
        write_signature(bundle, signature)


def _client(tracking_uri: str) -> "MlflowClient":
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    registry = os.environ.get("MLFLOW_REGISTRY_URI") or tracking_uri
    mlflow.set_registry_uri(registry)  # downloads by `models:/` look it up there
    return mlflow.MlflowClient(tracking_uri=tracking_uri, registry_uri=registry)


def _line(error: Exception, tracking_uri: str) -> str:
    text = _without_credentials(str(error), tracking_uri)
    return " ".join(_without_credentials(text, os.environ.get("MLFLOW_REGISTRY_URI", "")).split())[:160]


def _without_credentials(text: str, uri: str) -> str:
    """Return a text without the user and password of a URI: refusals are logged, and answered by `/health`."""
    credentials = uri.partition("://")[2].rpartition("@")[0]
    return text.replace(f"{credentials}@", "") if credentials else text
