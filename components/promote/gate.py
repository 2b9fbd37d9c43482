"""The gate: may this model serve? A function of the evidence about two models and a policy; it knows no registry."""

from dataclasses import dataclass

from components.domain.predictions import Predictions
from components.domain.report import Report
from components.domain.serving_check import ServeCheck
from components.promote.findings import NOTHING, Decision, Finding, conclude, worst
from components.promote.levels import floors, robustness, service, split_size
from components.promote.pairing import Again, Differences, compare, only, too_little
from components.promote.policy import Policy


@dataclass(frozen=True)
class Evidence:
    """What is known of a version.

    Attributes:
        report: of its evaluation; `leaking` and `oracle` also where only the version's tags say so.
        predictions: on its test split.
        service: what it did when it was served; None where that was not measured.
        faults: what does not hold about its data's certificate or its signature; unproven: what of that could not be checked.
        report_file: digest of the report's file.
    """

    report: Report
    predictions: Predictions
    service: ServeCheck | None = None
    faults: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    report_file: str = ""

    @property
    def digests(self) -> dict[str, str]:
        """What the ledger names it by."""
        return {name: getattr(self.report, name) for name in ("bundle", "dataset", "certificate", "test")} | {"report": self.report_file}


def decide(
    ours: Evidence, theirs: Evidence | None, *, policy: Policy, again: Again | str = "", draws: int = 1000, seed: int = 0
) -> Decision:
    """Decide about a challenger.

    A leaking model, an oracle, and a model whose certificate or signature does not hold are rejected whatever their figures. Then all
    questions are asked, and one rejection rejects, else one open question leaves it open. On too small a test split no figure is
    judged: neither floors nor the comparison are asked. A model below its own floors is not compared.

    Args:
        ours: about the challenger.
        theirs: about the champion, None when there is none.
        policy: floors, budgets and margins.
        again: the champion scored again on the challenger's test images, where it was evaluated on others; or why it could not be.
        draws: resamples of the paired bootstrap.
        seed: of the bootstrap.
    """
    compared_with = theirs.report.bundle if theirs else NOTHING
    never = _never(ours)
    if never:
        return conclude(never, compared_with)
    findings = [*(Finding("data", "cannot tell", said) for said in ours.unproven), *service(ours.service, policy)]
    small = split_size(ours.report, policy)
    if small:
        return conclude([*small, *findings], compared_with)
    own = [*floors(ours.report, policy), *robustness(ours.report, policy)]
    findings = [*own, *findings]
    if worst(own) != "promote":
        return conclude(findings, compared_with)
    compared, differences = _against_champion(ours, theirs, policy=policy, again=again, draws=draws, seed=seed)
    return conclude([*compared, *findings], compared_with, differences)


def _never(ours: Evidence) -> list[Finding]:
    """Return why a model may not serve whatever its figures; nothing if nothing forbids it."""
    if ours.report.leaking:
        said = "the model comes from a protocol that leaks, so its figures say nothing; split by group and train again"
        return [Finding("leakage", "reject", said)]
    if ours.report.oracle:
        said = "the model needs lesion masks, which no user has (an oracle), so its figures say nothing; train with roi=none"
        return [Finding("oracle", "reject", said)]
    return [Finding("data", "reject", said) for said in ours.faults]


def _against_champion(
    ours: Evidence, theirs: Evidence | None, *, policy: Policy, again: Again | str, draws: int, seed: int
) -> tuple[list[Finding], Differences]:
    if theirs is None:
        return [Finding("champion", "promote", "compared with nothing: it becomes the first champion")], ()
    if ours.report.classes != theirs.report.classes or ours.report.positive != theirs.report.positive:
        said = (
            f"the classes differ: {', '.join(ours.report.classes)} against the champion's {', '.join(theirs.report.classes)}; "
            "compare models of one task, or promote with --force and a reason"
        )
        return [Finding("same images", "cannot tell", said)], ()
    if ours.report.test == theirs.report.test:
        return compare(ours.predictions, theirs.predictions, policy=policy, draws=draws, seed=seed)
    if not isinstance(again, Again):
        said = (
            f"the test images differ ({ours.report.test[:19]} against the champion's {theirs.report.test[:19]}), and the champion was not "
            f"scored again on the challenger's: {again or 'that was not asked for'}; or promote with --force and a reason"
        )
        return [Finding("same images", "cannot tell", said)], ()
    short = too_little(again, policy)
    if short:
        return short, ()
    left = only(ours.predictions, again.predictions.ids)
    findings, differences = compare(left, again.predictions, policy=policy, draws=draws, seed=seed)
    return [*findings, Finding("same images", "promote", again.said)], differences
