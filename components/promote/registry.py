"""Promotion in the MLflow registry: the gate's evidence out of it, the alias and the ledger into it.

The caller has pointed MLflow at its store (`components.tracking.store.connect`). A version's evidence is `report.json` and
`predictions.parquet` at the root of its run's artifacts. The ledger is the tag `TAG_DECISION` on the version (its last
decision) and one `promotion-<time>.json` for each decision in its run (all of them).
"""

import logging
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from components.domain.errors import InputError, RefusedError
from components.domain.names import CHAMPION, TAG_BUNDLE, TAG_DECISION, TAG_LEAKING, TAG_ORACLE
from components.domain.predictions import Predictions, read_predictions
from components.domain.report import PREDICTIONS_FILE, REPORT_FILE, Report
from components.domain.settings import redacted
from components.promote.gate import Decision, decide
from components.promote.ledger import Entry, ledger_file
from components.promote.policy import Policy

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Evidence:
    report: Report
    predictions: Predictions

    @property
    def digests(self) -> dict[str, str]:
        return {name: getattr(self.report, name) for name in ("bundle", "dataset", "certificate", "test")}


def decide_version(name: str, version: str, *, policy: Policy) -> Decision:
    """Say what the gate says about a registered version; nothing is changed.

    Args:
        name: of the registered model.
        version: of the challenger, as text.
        policy: floors and margins.

    Raises:
        InputError: if there is no such version, or it was never evaluated.
    """
    return _decide(_evidence(_version(name, version)), name, alias_of(name, CHAMPION), policy)


def promote_version(name: str, version: str, *, policy: Policy, reason: str, force: bool, actor: str) -> Decision:
    """Run the gate and, where it allows, move the alias `champion`; write the ledger either way.

    Promoting the champion again changes nothing, so that a retried step ends well.

    Args:
        name: of the registered model.
        version: to be champion, as text.
        policy: floors and margins.
        reason: given by whoever asks.
        force: move the alias although the gate does not say promote; never for a leaking model or an oracle.
        actor: who asks.

    Returns:
        The decision; the alias moved if and only if `Decision.allows`, or the version was champion already.

    Raises:
        InputError: if there is no such version, it was never evaluated, or it is forced without a reason.
        RefusedError: if a leaking model or an oracle is forced, or the alias did not move.
    """
    if force and not reason.strip():
        raise InputError("a forced promotion must say why, but got no reason; add --reason TEXT")
    challenger, champion = _version(name, version), alias_of(name, CHAMPION)
    number = str(challenger.version)
    if champion == number:
        return Decision("promote", (f"version {number} of {name} is champion already; nothing was moved",), f"version {number}, itself")
    evidence = _evidence(challenger)
    if force and evidence.report.leaking:
        raise RefusedError(
            f"a leaking model is never champion, but version {number} of {name} leaks and was forced; split by group and train again"
        )
    if force and evidence.report.oracle:
        raise RefusedError(
            f"an oracle is never champion, but version {number} of {name} needs lesion masks and was forced; train with roi=none"
        )
    decision = _decide(evidence, name, champion, policy)
    decision = replace(decision, forced=force and decision.outcome != "promote")
    if decision.allows:
        _move(name, number, before=champion)
    else:
        logger.info("%s version %s is not promoted: %s", name, number, decision.outcome)
    entry = Entry(
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        actor=actor,
        model=name,
        version=number,
        champion_before=champion,
        champion_after=number if decision.allows else champion,
        outcome=decision.outcome,
        forced=decision.forced,
        reason=reason,
        reasons=list(decision.reasons),
        compared_with=decision.compared_with,
        digests=evidence.digests,
    )
    client = mlflow.MlflowClient()
    client.set_model_version_tag(name, number, TAG_DECISION, entry.to_json())
    client.log_text(challenger.run_id, entry.to_json(indent=2), ledger_file(entry))
    return decision


def alias_of(name: str, alias: str) -> str:
    """Return the version that has an alias, "" if none has.

    Raises:
        InputError: if there is no such model, or no registry answers.
    """
    try:
        model = mlflow.MlflowClient().get_registered_model(name)
    except MlflowException as error:
        raise _missing(f"there is no registered model {name!r}", error) from None
    return str(model.aliases.get(alias, ""))


def _version(name: str, version: str) -> ModelVersion:
    try:
        found = mlflow.MlflowClient().get_model_version(name, version)
    except MlflowException as error:
        raise _missing(f"there is no version {version!r} of {name!r}", error) from None
    if not found.run_id:
        raise InputError(
            f"a version must come from a run that evaluated it, but version {version} of {name} has none; make one by `lobule run`"
        )
    return found


def _missing(said: str, error: MlflowException) -> InputError:
    if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
        return InputError(f"{said}; see `lobule models`")
    first = str(error).splitlines()[0][:200]
    return InputError(
        f"the model registry must answer, but {redacted(mlflow.get_registry_uri())} does not ({redacted(first)}); check MLFLOW_TRACKING_URI"
    )


def _move(name: str, version: str, *, before: str) -> None:
    """Move the alias from the version that was compared with, and look that it moved."""
    if alias_of(name, CHAMPION) != before:
        raise RefusedError(f"@{CHAMPION} of {name} must still be version {before or 'none'}, but was moved meanwhile; promote again")
    mlflow.MlflowClient().set_registered_model_alias(name, CHAMPION, version)
    now = alias_of(name, CHAMPION)
    if now != version:
        raise RefusedError(f"@{CHAMPION} of {name} must be version {version} now, but is {now or 'none'}; promote again")
    logger.info("%s version %s is @%s (before: %s)", name, version, CHAMPION, before or "none")


def _decide(ours: _Evidence, name: str, champion: str, policy: Policy) -> Decision:
    theirs, missing = None, ""
    if champion:
        try:
            theirs = _evidence(_version(name, champion))
        except InputError as error:
            missing = str(error)
    decision = decide(
        ours.report,
        theirs.report if theirs else None,
        challenger_predictions=ours.predictions,
        champion_predictions=theirs.predictions if theirs else None,
        policy=policy,
    )
    if not missing:
        return decision
    if decision.outcome != "promote":
        return replace(decision, compared_with=f"version {champion}, which has no evidence")
    reason = f"the champion, version {champion}, has no evidence to compare with ({missing}); or promote with --force and a reason"
    return Decision("cannot tell", (reason,), f"version {champion}, which has no evidence")


def _evidence(version: ModelVersion) -> _Evidence:
    """Read a version's report and predictions; a version's tags mark it as leaking or an oracle where the report does not."""
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
    bundle = version.tags.get(TAG_BUNDLE, report.bundle)
    if bundle != report.bundle:
        raise InputError(
            f"a version's report must be of its own bundle, but {what} is {bundle[:19]} and its run's report is of {report.bundle[:19]}; "
            "evaluate and register it again by `lobule run`"
        )
    marked = {name: version.tags.get(tag) == "true" for name, tag in (("leaking", TAG_LEAKING), ("oracle", TAG_ORACLE))}
    return _Evidence(replace(report, **{name: getattr(report, name) or mark for name, mark in marked.items()}), predictions)
