"""The gate: may this model serve? A function of two reports and a policy; it knows no registry."""

from dataclasses import dataclass
from typing import Literal

from components.domain.bootstrap import bootstrap
from components.domain.errors import InputError
from components.domain.metrics import Floats, measure
from components.domain.predictions import Predictions
from components.domain.report import Interval, Report
from components.promote.policy import Policy

Outcome = Literal["promote", "reject", "cannot tell"]
NOTHING = "nothing: there is no champion yet"


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    Attributes:
        outcome: `promote`, `reject` or `cannot tell`.
        reasons: why, each with its figures; the deciding ones first.
        compared_with: the champion's bundle digest, or that there was none.
        differences: challenger - champion with 95 % intervals, by metric; empty where they were not compared.
        forced: a person moved the alias although the gate did not say so.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    compared_with: str
    differences: tuple[tuple[str, Interval], ...] = ()
    forced: bool = False

    @property
    def allows(self) -> bool:
        """True if the model may become champion: the gate says promote, or it was forced."""
        return self.outcome == "promote" or self.forced


def decide(
    challenger: Report,
    champion: Report | None,
    *,
    challenger_predictions: Predictions,
    champion_predictions: Predictions | None,
    policy: Policy,
    draws: int = 1000,
    seed: int = 0,
) -> Decision:
    """Decide about a challenger.

    In this order: a leaking model and an oracle are rejected; too small a test split cannot tell; a model below the policy's own
    floors is rejected; an AUC whose interval lies across its floor cannot tell; the first champion passes; reports on other test
    images or classes cannot be compared; else the differences to the champion on the same images are bootstrapped over groups and
    held against the margins of non-inferiority.

    Args:
        challenger: its report.
        champion: the champion's report, None when there is no champion.
        challenger_predictions: of the same report.
        champion_predictions: of the champion's report.
        policy: floors and margins.
        draws: resamples of the paired bootstrap.
        seed: of the bootstrap.
    """
    compared_with = champion.bundle if champion else NOTHING
    never = _never(challenger)
    if never:
        return Decision("reject", (never,), compared_with)
    small = _too_small(challenger, policy)
    if small:
        return Decision("cannot tell", small, compared_with)
    below, uncertain, passed = _floors(challenger, policy)
    if below or uncertain:
        said: Outcome = "reject" if below else "cannot tell"
        return Decision(said, (*below, *uncertain, *(() if below else passed)), compared_with)
    if champion is None:
        return Decision("promote", ("compared with nothing: it becomes the first champion", *passed), compared_with)
    if champion_predictions is None:
        raise InputError("a champion's report needs its predictions, but got none; evaluate the champion again")
    apart = _not_comparable(challenger, champion)
    if apart:
        return Decision("cannot tell", apart, compared_with)
    differences = paired_differences(challenger_predictions, champion_predictions, draws=draws, seed=seed)
    margins = {"auc": policy.auc_margin, "sensitivity": policy.sensitivity_margin}
    outcomes = {name: _against(name, differences[name], margin) for name, margin in margins.items()}
    found = {outcome for outcome, _ in outcomes.values()}
    outcome: Outcome = "reject" if "reject" in found else "cannot tell" if "cannot tell" in found else "promote"
    deciding = tuple(reason for said, reason in outcomes.values() if said == outcome)
    others = tuple(reason for said, reason in outcomes.values() if said != outcome)
    return Decision(outcome, (*deciding, *others, *passed), compared_with, tuple((name, differences[name]) for name in margins))


def paired_differences(challenger: Predictions, champion: Predictions, *, draws: int = 1000, seed: int = 0) -> dict[str, Interval]:
    """Return challenger - champion of every metric, each resample drawing the same groups for both.

    Raises:
        InputError: if the two are not of the same images.
    """
    if challenger.ids != champion.ids or challenger.scored.labels.tolist() != champion.scored.labels.tolist():
        raise InputError("paired predictions must be of the same images, but are not; evaluate both models on the same data")

    def difference(weights: Floats) -> dict[str, Floats]:
        ours, theirs = measure(challenger.scored, weights), measure(champion.scored, weights)
        return {name: ours[name] - theirs[name] for name in ours}

    return bootstrap(difference, challenger.groups, labels=challenger.scored.labels, draws=draws, seed=seed).intervals


def _never(report: Report) -> str:
    """Return why a model may not serve whatever its figures, "" if nothing forbids it."""
    if report.leaking:
        return "the model comes from a protocol that leaks, so its figures say nothing; split by group and train again"
    if report.oracle:
        return "the model needs lesion masks, which no user has (an oracle), so its figures say nothing; train with roi=none"
    return ""


def _too_small(report: Report, policy: Policy) -> tuple[str, ...]:
    counts = (("images", report.images, policy.min_test_images), ("groups", report.groups, policy.min_test_groups))
    return tuple(
        f"the test split has {count} {what} and the policy asks for {least}; evaluate on more data"
        for what, count, least in counts
        if count < least
    )


def _floors(report: Report, policy: Policy) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the reasons of the floors that are missed, of those that the interval lies across, and of those that are reached."""
    auc, sensitivity, ece = (report.metrics[name] for name in ("auc", "sensitivity", "ece"))
    across = _across(auc, policy.min_auc_low)
    checks = (
        (auc.low >= policy.min_auc_low, "the lower end of the AUC's interval", auc.low, "at least", policy.min_auc_low),
        (
            sensitivity.value >= policy.min_sensitivity,
            f"the sensitivity for {report.positive}",
            sensitivity.value,
            "at least",
            policy.min_sensitivity,
        ),
        (ece.value <= policy.max_ece, "the calibration error", ece.value, "at most", policy.max_ece),
    )[1 if across else 0 :]
    missed = tuple(f"{what} is {value:.3f} and must be {rule} {limit:.3f}" for holds, what, value, rule, limit in checks if not holds)
    reached = tuple(f"{what} is {value:.3f} ({rule} {limit:.3f} asked)" for holds, what, value, rule, limit in checks if holds)
    return missed, across, reached


def _across(auc: Interval, floor: float) -> tuple[str, ...]:
    if not auc.low < floor <= auc.high:
        return ()
    if auc.says_nothing:
        return (f"the test split has too few groups for an interval of the AUC, which must be above {floor:.3f}; evaluate on more data",)
    return (
        f"the AUC's interval [{auc.low:.3f}, {auc.high:.3f}] lies across the floor of its lower end, {floor:.3f}; evaluate on more data",
    )


def _not_comparable(challenger: Report, champion: Report) -> tuple[str, ...]:
    if challenger.classes != champion.classes or challenger.positive != champion.positive:
        return (
            f"the classes differ: {', '.join(challenger.classes)} against the champion's {', '.join(champion.classes)}; "
            "compare models of one task, or promote with --force and a reason",
        )
    if challenger.test != champion.test:
        return (
            f"the test images differ ({challenger.test[:19]} against the champion's {champion.test[:19]}); train the champion's recipe "
            "on the challenger's data so that both are evaluated on the same images, or promote with --force and a reason",
        )
    return ()


def _against(name: str, difference: Interval, margin: float) -> tuple[Outcome, str]:
    said = f"{name} differs from the champion's by {difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    if difference.low >= -margin:
        return "promote", f"{said}, not below the margin of -{margin:.3f}"
    if difference.high < -margin:
        return "reject", f"{said}, wholly below the margin of -{margin:.3f}"
    return "cannot tell", f"{said}, across the margin of -{margin:.3f}; evaluate both on more data"
