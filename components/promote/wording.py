"""A decision in words: Markdown for the pipeline's front end, logged line by line as well."""

import logging

from components.promote.gate import Decision

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
    lines = [f"# {name} version {version}: {decision.outcome}", "", effect, "", f"Compared with {decision.compared_with}.", ""]
    lines += [f"- {reason}" for reason in decision.reasons]
    if decision.differences:
        lines += ["", "| metric | challenger - champion | 95 % interval |", "|---|---|---|"]
        lines += [f"| {metric} | {part.value:+.3f} | {part.low:+.3f} to {part.high:+.3f} |" for metric, part in decision.differences]
    logger.info("%s version %s: %s", name, version, decision.outcome)
    for reason in decision.reasons:
        logger.info("  %s", reason)
    return "\n".join(lines) + "\n"
