"""A decision in words: Markdown for people, JSON for programs; logged line by line as well."""

import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime

from components.promote.findings import Decision

logger = logging.getLogger(__name__)


def told(decision: Decision, *, name: str, version: str, applied: bool) -> str:
    """Return a decision as Markdown, and log it.

    Args:
        decision: of the gate.
        name: of the registered model.
        version: that was decided about.
        applied: the alias was moved where the decision allows it; otherwise nothing was changed.
    """
    if not applied:
        effect = "Nothing was changed: promote it with `lobule promote`." if decision.allows else "Nothing was changed."
    else:
        effect = "It is champion." if decision.allows else "The champion stays."
    logger.info("%s version %s: %s", name, version, decision.outcome)
    for reason in decision.reasons:
        logger.info("  %s", reason)
    return as_markdown(decision, name=name, version=version, effect=effect)


def as_markdown(decision: Decision, *, name: str, version: str, effect: str) -> str:
    """Return a decision as Markdown; `effect` says what followed from it."""
    forced = ", forced" if decision.forced else ""
    lines = [f"# {name} version {version}: {decision.outcome}{forced}", "", effect, "", f"Compared with {decision.compared_with}.", ""]
    lines += [f"- {reason}" for reason in decision.reasons]
    if decision.differences:
        lines += ["", "| metric | challenger - champion | 95 % interval |", "|---|---|---|"]
        lines += [f"| {metric} | {part.value:+.3f} | {part.low:+.3f} to {part.high:+.3f} |" for metric, part in decision.differences]
    return "\n".join(lines) + "\n"


def as_json(decision: Decision, **facts: str) -> str:
    """Return a decision as JSON, with facts beside it."""
    differences = {metric: asdict(part) for metric, part in decision.differences}
    return json.dumps({**facts, **asdict(decision), "differences": differences}, indent=2) + "\n"


def decision_files(decision: Decision, *, name: str, version: str, reason: str, actor: str) -> dict[str, str]:
    """Return what is kept of a decision with the version's run: text by file name, the JSON first."""
    now = datetime.now(UTC)
    stem = f"promotion-{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z"
    effect = f"Asked by {actor}{f': {reason}' if reason else ''}. What followed stands in the ledger: `lobule models --history`."
    return {
        f"{stem}.json": as_json(decision, model=name, version=version, actor=actor, reason=reason, time=now.isoformat()),
        f"{stem}.md": as_markdown(decision, name=name, version=version, effect=effect),
    }
