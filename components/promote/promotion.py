"""Promotion: the evidence out of the registry, the gate's decision, the ledger's entry, and the alias."""

import hashlib
import logging
from dataclasses import replace

import mlflow

from components.domain.errors import InputError, RefusedError
from components.domain.names import CHAMPION
from components.promote.evidence import Evidence, read_evidence
from components.promote.gate import Decision, decide
from components.promote.ledger import Entry
from components.promote.policy import Policy
from components.promote.registry import alias_of, version_of
from components.promote.turn import begin
from components.promote.wording import decision_files

logger = logging.getLogger(__name__)


def decide_version(name: str, version: str, *, policy: Policy) -> Decision:
    """Say what the gate says about a registered version; nothing is changed.

    Args:
        name: of the registered model.
        version: of the challenger, as text.
        policy: floors and margins.

    Raises:
        InputError: if there is no such version, or it was never evaluated.
    """
    return _decide(read_evidence(version_of(name, version)), name, alias_of(name, CHAMPION), policy)


def promote_version(name: str, version: str, *, policy: Policy, reason: str, force: bool, actor: str, run: str = "") -> Decision:
    """Run the gate and, where it allows, move the alias `champion`; write the ledger either way.

    Promoting the champion again changes nothing, so that a retried step ends well.

    Args:
        name: of the registered model.
        version: to be champion, as text.
        policy: floors and margins.
        reason: given by whoever asks.
        force: move the alias although the gate does not say promote; never for a leaking model or an oracle.
        actor: who asks.
        run: the pipeline run that asks, "" for a person.

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
    evidence = read_evidence(challenger)
    if force:
        _refuse_force(evidence, f"version {number} of {name}")
    decision = _decide(evidence, name, turn.champion, policy)
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
        digests=evidence.digests | {"policy": _digest(policy.to_json()), "decision": _digest(next(iter(files.values())))},
    )
    turn.end(entry, run_id=challenger.run_id, artifact=next(iter(files)))
    return decision


def _refuse_force(evidence: Evidence, what: str) -> None:
    if evidence.report.leaking:
        raise RefusedError(f"a leaking model is never champion, but {what} leaks and was forced; split by group and train again")
    if evidence.report.oracle:
        raise RefusedError(f"an oracle is never champion, but {what} needs lesion masks and was forced; train with roi=none")


def _decide(ours: Evidence, name: str, champion: str, policy: Policy) -> Decision:
    theirs, missing = None, ""
    if champion:
        try:
            theirs = read_evidence(version_of(name, champion))
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


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
