"""What a challenger must reach by itself: on its test split, on corrupted images, and once it is served."""

from components.domain.report import Interval, Report
from components.domain.serving_check import TOLERANCE, ServeCheck
from components.promote.findings import Finding, Outcome
from components.promote.policy import Policy

AGAIN = "go on with `lobule run --resume RUN`, or train again"


def split_size(report: Report, policy: Policy) -> list[Finding]:
    """Judge whether the test split is large enough to tell anything."""
    counts = (("images", report.images, policy.min_test_images), ("groups", report.groups, policy.min_test_groups))
    return [
        Finding(f"test {what}", "cannot tell", f"the test split has {count} {what} and the policy asks for {least}; evaluate on more data")
        for what, count, least in counts
        if count < least
    ]


def floors(report: Report, policy: Policy) -> list[Finding]:
    """Judge AUC, sensitivity, specificity and calibration on the test split."""
    auc, sensitivity, specificity, ece = (report.metrics[name] for name in ("auc", "sensitivity", "specificity", "ece"))
    at_the_point = [
        _least("sensitivity", f"the sensitivity for {report.positive}", sensitivity.value, policy.min_sensitivity),
        _least("specificity", "the specificity", specificity.value, policy.min_specificity),
        _most("calibration", "the calibration error", ece.value, policy.max_ece),
    ]
    if not auc.low < policy.min_auc_low <= auc.high:
        return [_least("auc", "the lower end of the AUC's interval", auc.low, policy.min_auc_low), *at_the_point]
    said = (
        f"the test split has too few groups for an interval of the AUC, which must be above {policy.min_auc_low:.3f}; evaluate on more data"
        if auc.says_nothing
        else f"the AUC's interval [{auc.low:.3f}, {auc.high:.3f}] lies across the floor of its lower end, {policy.min_auc_low:.3f}; "
        "evaluate on more data"
    )
    return [Finding("auc", "cannot tell", said), *at_the_point]


def robustness(report: Report, policy: Policy) -> list[Finding]:
    """Judge how much of the AUC mild corruptions take (noise, blur, compression, ...), by the worst of them."""
    severity, limit = policy.corruption_severity, policy.max_auc_drop
    measured = report.robustness.corrupted if report.robustness else {}
    drops = {
        kind: levels[severity]["auc_positive_drop"]
        for kind, levels in measured.items()
        if severity in levels and "auc_positive_drop" in levels[severity]
    }
    if not drops:
        said = f"robustness to corruptions of severity {severity} was not measured; evaluate the model again: train it with `lobule run`"
        return [Finding("robustness", "cannot tell", said)]
    kind = max(drops, key=lambda name: drops[name].value)
    return [Finding("robustness", *_drop(kind.replace("_", " "), drops[kind], severity, limit))]


def service(check: ServeCheck | None, policy: Policy) -> list[Finding]:
    """Judge what the packaged model did when it was served: that it answers as evaluated, how fast, and how large it is."""
    if check is None:
        said = f"how it serves was not measured: its run holds no serve_check.json; {AGAIN}"
        return [Finding("servable", "cannot tell", said)]
    if not check.agrees:
        said = (
            f"served, it answers otherwise than evaluated: probabilities differ by up to {check.largest_difference:.2g} "
            f"(at most {TOLERANCE} asked) and {check.differing_classes} of {check.images} classes; {AGAIN}"
        )
        return [Finding("servable", "reject", said)]
    said = f"packaged and served, it gave its canary's scores and answered {check.images} test images as evaluated"
    return [
        Finding("servable", "promote", said),
        _most("latency", "95 % of the answers took up to", check.p95_ms, policy.max_p95_ms, unit="ms"),
        _most("readiness", "the time from start to readiness", check.ready_seconds, policy.max_ready_seconds, unit="s"),
        _most("size", "the size of the bundle", check.bundle_mib, policy.max_bundle_mib, unit="MiB"),
    ]


def _drop(kind: str, drop: Interval, severity: int, limit: float) -> tuple[Outcome, str]:
    said = f"of the corruptions of severity {severity}, {kind} takes most of the AUC: {drop.value:.3f} [{drop.low:.3f}, {drop.high:.3f}]"
    if drop.value <= limit:
        return "promote", f"{said} (at most {limit:.3f} asked)"
    if drop.low > limit:
        return "reject", f"{said}, wholly above the limit of {limit:.3f}"
    return "cannot tell", f"{said}, across the limit of {limit:.3f}; evaluate on more data"


def _least(about: str, what: str, value: float, limit: float) -> Finding:
    if value >= limit:
        return Finding(about, "promote", f"{what} is {value:.3f} (at least {limit:.3f} asked)")
    return Finding(about, "reject", f"{what} is {value:.3f} and must be at least {limit:.3f}")


def _most(about: str, what: str, value: float, limit: float, *, unit: str = "") -> Finding:
    shown, asked = (f"{value:.1f} {unit}", f"{limit:g} {unit}") if unit else (f"{value:.3f}", f"{limit:.3f}")
    verb = "" if what.endswith("up to") else " is"
    if value <= limit:
        return Finding(about, "promote", f"{what}{verb} {shown} (at most {asked} asked)")
    return Finding(about, "reject", f"{what}{verb} {shown} and must be at most {asked}")
