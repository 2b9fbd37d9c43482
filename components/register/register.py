"""A model version out of a bundle: logged as an MLflow pyfunc model from code, so that it carries no pickle.

The version's `artifacts/bundle/` is the bundle itself; `mlflow models predict`, `mlflow.pyfunc.load_model` and the service
run the same predictor on it.
"""

import importlib.metadata
import importlib.util
import logging
import shutil
import tempfile
from pathlib import Path

import mlflow
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from components.domain.artifacts import CERTIFIED_FILE, Dataset, read_dataset
from components.domain.candidates import Candidates
from components.domain.certificate import CERTIFICATE_FILE
from components.domain.names import (
    CHALLENGER,
    TAG_BUNDLE,
    TAG_CERTIFICATE,
    TAG_DATASET,
    TAG_LEAKING,
    TAG_ORACLE,
    TAG_RECIPE,
    TAG_RUN,
    TAG_SETTINGS,
    TAG_SIGNATURE,
    TAG_TASK,
    read_intervals,
)
from components.domain.report import Interval
from components.domain.settings import signing_key
from components.tracking.mlflow_tracker import MlflowTracker
from serving.contract import Card, tree_digest
from serving.signature import sign_bundle

RUNTIME = ("mlflow-skinny", "numpy", "openvino", "pandas", "pillow", "pyarrow", "pydantic")
"""What the logged model needs to run, pinned to what it was made with."""
SHOWN = ("auc", "sensitivity", "specificity")
"""Test metrics in the description of a version."""

logger = logging.getLogger(__name__)


def register_model(candidates: Path, dataset: Path, *, run: str, tracker: MlflowTracker) -> str:
    """Register the chosen bundle and make it the challenger.

    Args:
        candidates: artifact with the bundles.
        dataset: data set artifact, recorded as the run's input.
        run: name of the pipeline run.
        tracker: of the pipeline run.

    Returns:
        The version, as text.
    """
    bundle = candidates / Candidates.read(candidates).chosen
    card = Card.read(bundle)
    digest = tree_digest(bundle)
    _log_dataset(read_dataset(dataset), dataset, tracker)
    client = mlflow.MlflowClient()
    known = [version for version in client.search_model_versions(f"name = '{card.name}'") if version.tags.get(TAG_BUNDLE) == digest]
    version = str(known[0].version) if known else _log_model(bundle, card)
    tags = {
        TAG_BUNDLE: digest,
        TAG_RUN: run,
        TAG_RECIPE: card.recipe,
        TAG_TASK: card.name.removeprefix("lobule-"),
        TAG_DATASET: card.dataset,
        TAG_CERTIFICATE: card.certificate,
        TAG_LEAKING: str(card.leaking).lower(),
        TAG_ORACLE: str(card.oracle).lower(),
    }
    if signing_key():
        tags[TAG_SIGNATURE] = sign_bundle(digest, signing_key())
    for key, value in tags.items():
        client.set_model_version_tag(card.name, version, key, value)
    client.update_model_version(card.name, version, description=_in_words(card, tracker))
    if not known:
        client.set_registered_model_alias(card.name, CHALLENGER, version)
    tracker.tags({TAG_BUNDLE: digest, "lobule.model": f"{card.name}/{version}"})
    logger.info("%s version %s %s", card.name, version, "was registered before" if known else f"registered as @{CHALLENGER}")
    return version


def _in_words(card: Card, tracker: MlflowTracker) -> str:
    """Return what a version is and reaches, for the registry's list of versions."""
    data = mlflow.get_run(tracker.run_id).data
    measured = {name: Interval(*each) for name, each in read_intervals(data.metrics).items()}
    figures = [
        f"{name} {each.value:.3f} " + ("(too few groups)" if each.says_nothing else f"[{each.low:.3f}, {each.high:.3f}]")
        for name, each in ((name, measured[name]) for name in SHOWN if name in measured)
    ]
    mark = "LEAKS: never champion. " if card.leaking else "ORACLE: never champion. " if card.oracle else ""
    what = " ".join(filter(None, (card.recipe, data.tags.get(TAG_SETTINGS, ""))))
    return f"{mark}{what}; test {', '.join(figures)}" if figures else f"{mark}{what}; not evaluated"


def _log_model(bundle: Path, card: Card) -> str:
    serving = Path(str(importlib.util.find_spec("serving").origin)).parent  # type: ignore[union-attr]
    outputs = [ColSpec(DataType.double, name) for name in card.classes]
    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.binary, "image")]),
        outputs=Schema([*outputs, ColSpec(DataType.string, "predicted_class"), ColSpec(DataType.string, "verdict")]),
    )
    with tempfile.TemporaryDirectory(prefix="lobule-register-") as temporary:
        named = Path(temporary) / "bundle"  # MLflow keeps an artifact under the name of its directory
        shutil.copytree(bundle, named)
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(serving / "pyfunc.py"),
            artifacts={"bundle": str(named)},
            code_paths=[str(serving)],
            signature=signature,
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in RUNTIME],
            registered_model_name=card.name,
        )
    return str(info.registered_model_version)


def _log_dataset(dataset: Dataset, directory: Path, tracker: MlflowTracker) -> None:
    source = resolve_dataset_source(str(directory))
    schema = Schema([ColSpec(DataType.string, name) for name in ("id", "label", "group", "split")])
    digest = dataset.certificate.dataset.removeprefix("sha256:")[:32]
    splits = {f"images_{split}": str(count) for split, count in dataset.certificate.split_images.items()}
    mlflow.log_input(MetaDataset(source, name="images", digest=digest, schema=schema), context="training", tags=splits)
    for name in (CERTIFICATE_FILE, CERTIFIED_FILE):
        if (directory / name).exists():
            tracker.file(directory / name)
