import dataclasses

import pytest

from components.domain.errors import InputError
from components.domain.report import Interval
from components.promote.gate import NOTHING, decide, paired_differences
from components.promote.policy import Policy, policy_text

POLICY = Policy(
    min_test_images=40, min_test_groups=20, min_auc_low=0.7, min_sensitivity=0.8, max_ece=0.15, auc_margin=0.03, sensitivity_margin=0.05
)


def ask(challenger, champion=None, **changes):
    report, predictions = challenger
    return decide(
        dataclasses.replace(report, **changes),
        champion[0] if champion else None,
        challenger_predictions=predictions,
        champion_predictions=champion[1] if champion else None,
        policy=POLICY,
        draws=400,
    )


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
        ("a first model badly calibrated", {"ece": 0.3}, None, {}, "reject", "the calibration error is 0.300 and must be at most 0.150"),
        ("a model below the floors on other test images", {"wrong": 33, "test": "u"}, {}, {}, "reject", "must be at least 0.800"),
    ],
)
def test_the_gate_meets(case, challenger, champion, changes, outcome, said, evidence):
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
def test_an_auc_whose_interval_lies_across_its_floor_cannot_be_told(low, high, outcome, said, evidence):
    report, predictions = evidence.model()
    found = ask((dataclasses.replace(report, metrics=report.metrics | {"auc": Interval(0.69, low, high)}), predictions))
    assert found.outcome == outcome and said in found.reasons[0]


def test_a_missed_sensitivity_rejects_whatever_the_auc_leaves_open(evidence):
    report, predictions = evidence.model(wrong=33)
    found = ask((dataclasses.replace(report, metrics=report.metrics | {"auc": Interval(0.8, 0.6, 0.9)}), predictions))
    assert found.outcome == "reject" and "the sensitivity for malignant is 0.670" in found.reasons[0]


def test_the_deciding_reason_comes_first(evidence):
    found = ask(evidence.model(wrong=5), evidence.model(letter="b"))
    assert found.reasons[0].startswith(("auc differs", "sensitivity differs")) and "across the margin" in found.reasons[0]


def test_paired_differences_are_narrower_than_the_models_own_intervals(evidence):
    (report, first), (_, second) = evidence.model(wrong=10), evidence.model(wrong=9)
    difference = paired_differences(first, second)["sensitivity"]
    assert difference.value == pytest.approx(-0.01)
    own = report.metrics["sensitivity"]
    assert difference.high - difference.low < (own.high - own.low) / 2


def test_predictions_of_other_images_are_never_paired(evidence):
    (_, first), (_, second) = evidence.model(), evidence.model()
    with pytest.raises(InputError, match="same images"):
        paired_differences(first, dataclasses.replace(second, ids=[f"{name}-other" for name in second.ids]))


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
