"""The evidence about a registered version: what its run kept at the root of its artifacts, read and held against each other."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from components.domain.artifacts import CERTIFIED_FILE
from components.domain.certificate import CERTIFICATE_FILE, Row
from components.domain.errors import InputError
from components.domain.names import TAG_BUNDLE, TAG_LEAKING, TAG_ORACLE, TAG_SIGNATURE
from components.domain.predictions import read_predictions
from components.domain.report import PREDICTIONS_FILE, REPORT_FILE, Report
from components.domain.serving_check import CHECK_FILE, ServeCheck
from components.domain.settings import signing_key
from components.promote.data import verify_data
from components.promote.gate import Evidence
from serving.contract import file_digest
from serving.signature import check_bundle


@dataclass(frozen=True)
class Read:
    """Evidence as it was read.

    Attributes:
        evidence: for the gate.
        rows: certified images of its data with their splits; None where they are not kept.
    """

    evidence: Evidence
    rows: tuple[Row, ...] | None


def read_evidence(version: ModelVersion) -> Read:
    """Read the evidence about a version.

    Raises:
        InputError: if it was never evaluated, or its report is of another bundle.
    """
    what = f"version {version.version} of {version.name}"
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        for file in (REPORT_FILE, PREDICTIONS_FILE):
            if not _download(version.run_id, file, directory):
                raise InputError(
                    f"a version's run must hold {file}, but run {version.run_id} of {what} does not; register it by `lobule run`"
                )
        for file in (CERTIFICATE_FILE, CERTIFIED_FILE, CHECK_FILE):
            _download(version.run_id, file, directory)
        report = Report.read(directory)
        predictions = read_predictions(directory, report)
        data = verify_data(directory, report, predictions)
        check = ServeCheck.read(directory) if (directory / CHECK_FILE).is_file() else None
        digest = file_digest(directory / REPORT_FILE)
    bundle = version.tags.get(TAG_BUNDLE, report.bundle)
    for name, of in (("report", report.bundle), ("serving check", check.bundle if check else bundle)):
        if bundle != of:
            raise InputError(
                f"a version's {name} must be of its own bundle, but {what} is {bundle[:19]} and its run's {name} is of {of[:19]}; "
                "evaluate and register it again by `lobule run`"
            )
    marked = {name: version.tags.get(tag) == "true" for name, tag in (("leaking", TAG_LEAKING), ("oracle", TAG_ORACLE))}
    report = replace(report, **{name: getattr(report, name) or mark for name, mark in marked.items()})
    faults = (*data.faults, *_unsigned(bundle, str(version.tags.get(TAG_SIGNATURE, "")), signing_key()))
    return Read(Evidence(report, predictions, check, faults, data.unproven, digest), data.rows)


def _unsigned(bundle: str, signature: str, key: str) -> tuple[str, ...]:
    """Return why a bundle's signature does not hold; nothing without a key, which asks for none."""
    if not key or check_bundle(bundle, signature, key) == "valid":
        return ()
    found = "has another one" if signature else "has none"
    return (f"the bundle must be signed with LOBULE_SIGNING_KEY, because that is set, but {found}; register it again with the key",)


def _download(run_id: str, file: str, directory: Path) -> bool:
    """Bring a file of a run here; say whether it has one."""
    try:
        mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=file, dst_path=str(directory))
    except (MlflowException, OSError):
        return False
    return (directory / file).is_file()
