import dataclasses

import pytest

from components.domain.errors import InputError
from components.domain.report import Interval
from components.promote.findings import NOTHING
from components.promote.gate import Evidence, decide
from components.promote.pairing import Again, only
from components.promote.policy import Policy, policy_text

POLICY = Policy(
    min_test_images=40,
    min_test_groups=20,
    min_auc_low=0.7,
    min_sensitivity=0.8,
    min_specificity=0.3,
    max_ece=0.15,
    corruption_severity=1,
    max_auc_drop=0.1,
    auc_margin=0.03,
    sensitivity_margin=0.05,
    max_p95_ms=300,
    max_ready_seconds=60,
    max_bundle_mib=300,
)


@pytest.fixture
def ask(evidence):
    """Ask the gate about a challenger with everything measured; `known` replaces parts of the evidence, changes parts of the report."""

    def asked(challenger, champion=None, *, known=None, again="", **changes):
        report, predictions = challenger
        report = dataclasses.replace(report, **changes)
        ours = Evidence(report, predictions, evidence.service_of(report))
        theirs = Evidence(*champion) if champion else None
        return decide(dataclasses.replace(ours, **(known or {})), theirs, policy=POLICY, again=again, draws=400)

    return asked


@pytest.mark.parametrize(
    ("case", "challenger", "champion", "changes", "outcome", "said"),
    [
        ("a better model than the champion", {"wrong": 0}, {"wrong": 15}, {}, "promote", "auc differs from the champion's by +0.15"),
        ("the same model again", {"wrong": 3}, {"wrong": 3}, {}, "promote", "by +0.000 [+0.000, +0.000]"),
        ("a model hardly worse, within the margin", {"wrong": 1, "images": 600}, {"images": 600}, {}, "promote", "not below the margin"),
        ("a model clearly worse", {"wrong": 19}, {"wrong": 0}, {}, "reject", "wholly below the margin"),
        ("a model perhaps worse", {"wrong": 5}, {"wrong": 0}, {}, "cannot tell", "across the margin"),
        ("a test split of 30 images", {"images": 30}, {"wrong": 0}, {}, "cannot tell", "has 30 images and the policy asks for 40"),
        ("a test split of 10 groups", {"wrong": 0}, None, {"groups": 10}, "cannot tell", "has 10 groups and the policy asks for 20"),
        ("a leaking model, better than the champion", {"leaking": True}, {"wrong": 15}, {}, "reject", "protocol that leaks"),
        ("a leaking model on a tiny test split", {"images": 30, "leaking": True}, None, {}, "reject", "protocol that leaks"),
        ("an oracle, better than the champion", {"oracle": True}, {"wrong": 15}, {}, "reject", "needs lesion masks, which no user has"),
        ("an oracle where there is no champion", {"oracle": True}, None, {}, "reject", "oracle"),
        ("a leaking model where there is no champion", {"leaking": True}, None, {}, "reject", "protocol that leaks"),
        ("a model of other classes", {}, {}, {"classes": ["benign", "other"]}, "cannot tell", "the classes differ"),
        ("a model tested on other images", {"test": "u"}, {}, {}, "cannot tell", "the test images differ"),
        ("the first champion", {"wrong": 0}, None, {}, "promote", "compared with nothing"),
        ("a first model that misses a third", {"wrong": 33}, None, {}, "reject", "the sensitivity for malignant is 0.670"),
        ("a first model without order", {"wrong": 80}, None, {}, "reject", "the lower end of the AUC's interval is"),
        (
            "a model that calls everything malignant",
            {"specificity": 0.1},
            None,
            {},
            "reject",
            "the specificity is 0.100 and must be at least",
        ),
        ("a first model badly calibrated", {"ece": 0.3}, None, {}, "reject", "the calibration error is 0.300 and must be at most 0.150"),
        ("a model below the floors on other test images", {"wrong": 33, "test": "u"}, {}, {}, "reject", "must be at least 0.800"),
    ],
)
def test_the_gate_meets(case, challenger, champion, changes, outcome, said, evidence, ask):
    found = ask(evidence.model(**challenger), evidence.model(letter="b", **champion) if champion is not None else None, **changes)
    assert found.outcome == outcome, (case, found)
    assert any(said in reason for reason in found.reasons), (case, found.reasons)
    assert found.compared_with == (NOTHING if champion is None else evidence.digest("b"))
    assert found.allows == (outcome == "promote")


@pytest.mark.parametrize(
    ("low", "high", "outcome", "said"),
    [
        (0.71, 0.9, "promote", "compared with nothing"),
        (0.55, 0.85, "cannot tell", "the AUC's interval [0.550, 0.850] lies across the floor of its lower end, 0.700"),
        (0.0, 1.0, "cannot tell", "too few groups for an interval of the AUC"),
        (0.5, 0.69, "reject", "the lower end of the AUC's interval is 0.500 and must be at least 0.700"),
    ],
)
def test_an_auc_whose_interval_lies_across_its_floor_cannot_be_told(low, high, outcome, said, evidence, ask):
    report, predictions = evidence.model()
    found = ask((dataclasses.replace(report, metrics=report.metrics | {"auc": Interval(0.69, low, high)}), predictions))
    assert found.outcome == outcome and said in found.reasons[0]


def test_a_missed_sensitivity_rejects_whatever_the_auc_leaves_open(evidence, ask):
    report, predictions = evidence.model(wrong=33)
    found = ask((dataclasses.replace(report, metrics=report.metrics | {"auc": Interval(0.8, 0.6, 0.9)}), predictions))
    assert found.outcome == "reject" and "the sensitivity for malignant is 0.670" in found.reasons[0]


def test_the_deciding_reason_comes_first(evidence, ask):
    found = ask(evidence.model(wrong=5), evidence.model(letter="b"))
    assert found.reasons[0].startswith(("auc differs", "sensitivity differs")) and "across the margin" in found.reasons[0]


@pytest.mark.parametrize(
    ("case", "changes", "outcome", "said"),
    [
        ("nothing was measured", None, "cannot tell", "how it serves was not measured"),
        (
            "it answers otherwise",
            {"largest_difference": 0.02},
            "reject",
            "answers otherwise than evaluated: probabilities differ by up to 0.02",
        ),
        ("it tells another class", {"differing_classes": 2}, "reject", "and 2 of 20 classes"),
        ("it is slow", {"p95_ms": 301.0}, "reject", "95 % of the answers took up to 301.0 ms and must be at most 300 ms"),
        ("it is slow to start", {"ready_seconds": 61.0}, "reject", "the time from start to readiness is 61.0 s and must be at most 60 s"),
        ("it is large", {"bundle_mib": 400.0}, "reject", "the size of the bundle is 400.0 MiB and must be at most 300 MiB"),
        ("all is well", {}, "promote", "answered 20 test images as evaluated"),
    ],
)
def test_what_the_packaged_service_did_counts(case, changes, outcome, said, evidence, ask):
    challenger = evidence.model()
    check = None if changes is None else evidence.service_of(challenger[0], **changes)
    found = ask(challenger, known={"service": check})
    assert found.outcome == outcome and any(said in reason for reason in found.reasons), (case, found.reasons)


@pytest.mark.parametrize(
    ("drop", "spread", "outcome", "said"),
    [
        (0.05, 0.05, "promote", "noise takes most of the AUC: 0.050 [0.000, 0.100] (at most 0.100 asked)"),
        (0.30, 0.05, "reject", "wholly above the limit of 0.100"),
        (0.12, 0.05, "cannot tell", "across the limit of 0.100"),
        (0.09, 0.05, "promote", "at most 0.100 asked"),
    ],
)
def test_the_worst_corruption_counts(drop, spread, outcome, said, evidence, ask):
    found = ask(evidence.model(), robustness=evidence.robust(drop, spread=spread))
    assert found.outcome == outcome and any(said in reason for reason in found.reasons), found.reasons


def test_robustness_that_was_not_measured_cannot_be_told(evidence, ask):
    assert "severity 1 was not measured" in ask(evidence.model(), robustness=None).reasons[0]
    assert ask(evidence.model(), robustness=None).outcome == "cannot tell"


def test_a_certificate_that_does_not_hold_rejects_and_one_that_cannot_be_checked_leaves_it_open(evidence, ask):
    assert ask(evidence.model(), known={"faults": ("no good",)}).outcome == "reject"
    assert ask(evidence.model(), known={"faults": ("no good",)}).reasons == ("no good",)
    assert ask(evidence.model(), known={"unproven": ("not kept",)}).reasons[0] == "not kept"
    assert ask(evidence.model(), known={"unproven": ("not kept",)}).outcome == "cannot tell"


def test_a_champion_scored_again_is_compared_on_what_it_cannot_have_seen(evidence, ask):
    challenger, champion = evidence.model(wrong=3, test="u"), evidence.model(letter="b")
    left = challenger[1].ids[20:]  # the three that are missed are among those left out
    again = Again(only(challenger[1], left), dropped_images=20, dropped_groups=20, unknown=2)
    found = ask(challenger, champion, again=again)
    assert found.outcome == "promote" and dict(found.differences)["sensitivity"].value == 0.0
    told = found.reasons[2]
    assert (
        "scored again on 180 of the challenger's test images; 20 in 20 groups were left out" in told and "2 images that it learnt" in told
    )


def test_too_little_left_to_compare_on_cannot_be_told(evidence, ask):
    challenger, champion = evidence.model(test="u"), evidence.model(letter="b")
    again = Again(only(challenger[1], challenger[1].ids[:10]), dropped_images=190, dropped_groups=190)
    found = ask(challenger, champion, again=again)
    assert found.outcome == "cannot tell" and "that is 10 images and the policy asks for 40" in found.reasons[0]


def test_the_policy_of_this_checkout_is_read_whole():
    assert Policy.from_toml(policy_text()) == POLICY


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ("max_ece", "max_brier", "has no setting model.max_brier"),
        ("max_ece = 0.15", "", "must have a setting model.max_ece"),
        ("[evidence]", "strict = true\n[evidence]", "has no setting strict"),
        ("max_ece = 0.15", "max_ece = 15", r"max_ece must be a number in \[0, 1\], but got 15"),
        ("max_ece = 0.15", "max_ece = true", "max_ece must be a number"),
        ("min_test_images = 40", "min_test_images = 0", "at least 1, but got 0"),
        ("corruption_severity = 1", "corruption_severity = 6", "corruption_severity must be 1, 2, 3, 4 or 5, but got 6"),
        ("max_p95_ms = 300", "max_p95_ms = 0", "max_p95_ms must be a number above 0, but got 0"),
        ('leaking = "reject"', 'leaking = "accept"', "never champion"),
        ("[model]", "[model", "must be TOML"),
    ],
)
def test_a_wrong_policy_is_refused_with_the_rule(before, after, rule):
    text = policy_text()
    assert before in text
    with pytest.raises(InputError, match=rule):
        Policy.from_toml(text.replace(before, after))


def test_a_missing_policy_is_named(tmp_path):
    with pytest.raises(InputError, match=r"rules\.toml"):
        policy_text(tmp_path / "rules.toml")
