"""The evidence about a registered version: what its run kept at the root of its artifacts, read and held against each other."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from components.domain.errors import InputError
from components.domain.names import TAG_BUNDLE, TAG_LEAKING, TAG_ORACLE
from components.domain.predictions import Predictions, read_predictions
from components.domain.report import PREDICTIONS_FILE, REPORT_FILE, Report
from serving.contract import file_digest


@dataclass(frozen=True)
class Evidence:
    """What is known of a version.

    Attributes:
        report: of its evaluation; `leaking` and `oracle` also where only the version's tags say so.
        predictions: on its test split.
        report_file: digest of the report's file.
    """

    report: Report
    predictions: Predictions
    report_file: str

    @property
    def digests(self) -> dict[str, str]:
        """What the ledger names it by."""
        return {name: getattr(self.report, name) for name in ("bundle", "dataset", "certificate", "test")} | {"report": self.report_file}


def read_evidence(version: ModelVersion) -> Evidence:
    """Read the evidence about a version.

    Raises:
        InputError: if it was never evaluated, or its report is of another bundle.
    """
    what = f"version {version.version} of {version.name}"
    with tempfile.TemporaryDirectory() as folder:
        for file in (REPORT_FILE, PREDICTIONS_FILE):
            try:
                mlflow.artifacts.download_artifacts(run_id=version.run_id, artifact_path=file, dst_path=folder)
            except (MlflowException, OSError):
                raise InputError(
                    f"a version's run must hold {file}, but run {version.run_id} of {what} does not; register it by `lobule run`"
                ) from None
        report = Report.read(Path(folder))
        predictions = read_predictions(Path(folder), report)
        digest = file_digest(Path(folder) / REPORT_FILE)
    bundle = version.tags.get(TAG_BUNDLE, report.bundle)
    if bundle != report.bundle:
        raise InputError(
            f"a version's report must be of its own bundle, but {what} is {bundle[:19]} and its run's report is of {report.bundle[:19]}; "
            "evaluate and register it again by `lobule run`"
        )
    marked = {name: version.tags.get(tag) == "true" for name, tag in (("leaking", TAG_LEAKING), ("oracle", TAG_ORACLE))}
    report = replace(report, **{name: getattr(report, name) or mark for name, mark in marked.items()})
    return Evidence(report, predictions, digest)
