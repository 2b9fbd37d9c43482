"""Promotion: the evidence out of the registry, the gate's decision, the ledger's entry, and the alias."""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion

from components.domain.errors import InputError, RefusedError
from components.domain.names import CHAMPION
from components.promote.evidence import Read, read_evidence
from components.promote.findings import Decision, Finding, conclude
from components.promote.gate import Evidence, decide
from components.promote.ledger import Entry
from components.promote.pairing import Again
from components.promote.policy import Policy
from components.promote.registry import alias_of, version_of
from components.promote.rescored import champion_again
from components.promote.turn import begin
from components.promote.wording import decision_files

logger = logging.getLogger(__name__)


def decide_version(name: str, version: str, *, policy: Policy, cache: Path, dataset: Path | None = None) -> Decision:
    """Say what the gate says about a registered version; neither alias nor ledger is touched.

    Args:
        name: of the registered model.
        version: of the challenger, as text.
        policy: floors, budgets and margins.
        cache: directory in which bundles are kept, should the champion be scored again.
        dataset: the challenger's data set; None looks where its run says it lay.

    Raises:
        InputError: if there is no such version, or it was never evaluated.
    """
    challenger = version_of(name, version)
    return _decide(challenger, read_evidence(challenger), alias_of(name, CHAMPION), policy, dataset=dataset, cache=cache)


def promote_version(
    name: str,
    version: str,
    *,
    policy: Policy,
    reason: str,
    force: bool,
    actor: str,
    cache: Path,
    run: str = "",
    dataset: Path | None = None,
) -> Decision:
    """Run the gate and, where it allows, move the alias `champion`; write the ledger either way.

    Promoting the champion again changes nothing, so that a retried step ends well.

    Args:
        name: of the registered model.
        version: to be champion, as text.
        policy: floors, budgets and margins.
        reason: given by whoever asks.
        force: move the alias although the gate does not say promote; never for a leaking model or an oracle.
        actor: who asks.
        cache: directory in which bundles are kept, should the champion be scored again.
        run: the pipeline run that asks, "" for a person.
        dataset: the challenger's data set; None looks where its run says it lay.

    Returns:
        The decision; the alias moved if and only if `Decision.allows`, or the version was champion already.

    Raises:
        InputError: if there is no such version, it was never evaluated, or it is forced without a reason.
        RefusedError: if a leaking model or an oracle is forced, the ledger is broken, or another decision was written first.
    """
    if force and not reason.strip():
        raise InputError("a forced promotion must say why, but got no reason; add --reason TEXT")
    challenger = version_of(name, version)
    number = str(challenger.version)
    turn = begin(name, actor=actor, over=reason if force else "")
    if turn.champion == number:
        return Decision("promote", (f"version {number} of {name} is champion already; nothing was moved",), f"version {number}, itself")
    read = read_evidence(challenger)
    if force:
        _refuse_force(read.evidence, f"version {number} of {name}")
    decision = _decide(challenger, read, turn.champion, policy, dataset=dataset, cache=cache)
    decision = replace(decision, forced=force and decision.outcome != "promote")
    if not decision.allows:
        logger.info("%s version %s is not promoted: %s", name, number, decision.outcome)
    files = decision_files(decision, name=name, version=number, reason=reason, actor=actor)
    client = mlflow.MlflowClient()
    for path, text in files.items():
        client.log_text(challenger.run_id, text, path)
    entry = Entry(
        model=name,
        action="decide",
        version=number,
        champion_before=turn.champion,
        champion_after=number if decision.allows else turn.champion,
        outcome=decision.outcome,
        forced=decision.forced,
        actor=actor,
        run=run,
        reason=reason,
        reasons=decision.reasons,
        compared_with=decision.compared_with,
        digests=read.evidence.digests | {"policy": _digest(policy.to_json()), "decision": _digest(next(iter(files.values())))},
    )
    turn.end(entry, run_id=challenger.run_id, artifact=next(iter(files)))
    return decision


def _refuse_force(evidence: Evidence, what: str) -> None:
    if evidence.report.leaking:
        raise RefusedError(f"a leaking model is never champion, but {what} leaks and was forced; split by group and train again")
    if evidence.report.oracle:
        raise RefusedError(f"an oracle is never champion, but {what} needs lesion masks and was forced; train with roi=none")


def _decide(challenger: ModelVersion, ours: Read, champion: str, policy: Policy, *, dataset: Path | None, cache: Path) -> Decision:
    if not champion:
        return decide(ours.evidence, None, policy=policy)
    try:
        reigning = version_of(challenger.name, champion)
        theirs = read_evidence(reigning)
    except InputError as error:
        return _without_comparison(decide(ours.evidence, None, policy=policy), champion, str(error))
    again: Again | str = ""
    if ours.evidence.report.test != theirs.evidence.report.test:
        again = champion_again(challenger, reigning, ours, theirs, dataset=dataset, cache=cache)
    decision = decide(ours.evidence, theirs.evidence, policy=policy, again=again)
    return replace(decision, compared_with=f"the champion, version {champion}, bundle {decision.compared_with}")


def _without_comparison(decision: Decision, champion: str, missing: str) -> Decision:
    """Return a decision that rests on the challenger alone, although there is a champion: it cannot say promote."""
    compared_with = f"the champion, version {champion}, which has no evidence"
    if decision.outcome != "promote":
        return replace(decision, compared_with=compared_with)
    said = f"the champion, version {champion}, has no evidence to compare with ({missing}); or promote with --force and a reason"
    findings = [Finding("champion", "cannot tell", said), *(finding for finding in decision.findings if finding.about != "champion")]
    return conclude(findings, compared_with)


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
