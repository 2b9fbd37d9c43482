"""What the gate asks, one question each, and how answers add up to a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.domain.report import Interval

Outcome = Literal["promote", "reject", "cannot tell"]
NOTHING = "nothing: there is no champion yet"
_WORST_FIRST: tuple[Outcome, ...] = ("reject", "cannot tell", "promote")


@dataclass(frozen=True)
class Finding:
    """The answer to one question: what it speaks for, and why, in words with figures. `about` names the question."""

    about: str
    outcome: Outcome
    said: str


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    Attributes:
        outcome: `promote`, `reject` or `cannot tell`.
        reasons: why, each with its figures; the deciding ones first.
        compared_with: the champion's bundle digest, to which promotion adds its version, or that there was none.
        differences: challenger - champion with 95 % intervals, by metric; empty where they were not compared.
        forced: a person moved the alias although the gate did not say so.
        findings: every question that was asked, in the order of the reasons.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    compared_with: str
    differences: tuple[tuple[str, Interval], ...] = ()
    forced: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def allows(self) -> bool:
        """True if the model may become champion: the gate says promote, or it was forced."""
        return self.outcome == "promote" or self.forced


def conclude(findings: Sequence[Finding], compared_with: str, differences: tuple[tuple[str, Interval], ...] = ()) -> Decision:
    """Return the decision that findings add up to: one rejection rejects, else one open question leaves it open."""
    outcome = worst(findings)
    ranked = tuple(sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.outcome)))
    return Decision(outcome, tuple(finding.said for finding in ranked), compared_with, differences, findings=ranked)


def worst(findings: Sequence[Finding]) -> Outcome:
    """Return what findings add up to."""
    return next(outcome for outcome in _WORST_FIRST if outcome == "promote" or any(each.outcome == outcome for each in findings))
