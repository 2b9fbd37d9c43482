from dataclasses import replace

import pytest

from components.domain.report import Interval, Part, Patients, Report, Robustness
from components.evaluate.words import headline, markdown, remarks
from serving.contract import Limits, OperatingPoint

METRICS = {
    "auc": Interval(0.9, 0.85, 0.95),
    "sensitivity": Interval(0.9, 0.8, 0.94),
    "specificity": Interval(0.7, 0.6, 0.8),
    "accuracy": Interval(0.8, 0.7, 0.9),
    "coverage": Interval(0.88, 0.8, 0.95),
    "selective_accuracy": Interval(0.9, 0.8, 0.95),
    "out_of_distribution": Interval(0.02, 0.0, 0.05),
}
PART = Part(50, 20, {"benign": 10, "malignant": 40}, {"accuracy": Interval(0.6, 0.5, 0.7)})
REPORT = Report(
    bundle="sha256:b",
    dataset="sha256:d",
    certificate="sha256:c",
    test="sha256:t",
    recipe="quickstart",
    classes=["benign", "malignant"],
    positive="malignant",
    images=200,
    groups=50,
    metrics=METRICS,
    per_class={"benign": {"recall": Interval(0.7, 0.6, 0.8)}, "malignant": {"recall": Interval(0.9, 0.8, 0.94)}},
    seeds={"auc": [0.88, 0.9, 0.92]},
    leaking=False,
    confusion=[[70, 30], [10, 90]],
    operating_point=OperatingPoint(threshold=0.3, target_sensitivity=0.95, sensitivity=0.96, specificity=0.75),
    limits=Limits(margin=0.1, min_confidence=0.5, out_of_distribution=0.2, false_alarm_rate=0.01),
    validation_coverage=0.91,
    patients=Patients(20, 180, {"benign": 10, "malignant": 10}, 2, 0, METRICS),
    slices={"site": {"a": PART, "b": replace(PART, metrics={"accuracy": Interval(0.9, 0.8, 1.0)})}},
    robustness=Robustness(
        100,
        40,
        {"auc_positive": Interval(0.9, 0.8, 0.95)},
        {
            kind: {
                3: {
                    "auc_positive": Interval(auc, 0.5, 0.9),
                    "auc_positive_drop": Interval(0.9 - auc, 0.15, 0.3),
                    "coverage": METRICS["coverage"],
                }
            }
            for kind, auc in (("blur", 0.8), ("noise", 0.7))
        },
    ),
)


def said(report, title):
    return next((remark for remark in remarks(report) if remark.title == title), None)


def test_the_verdict_is_one_sentence_with_its_counts():
    assert headline(REPORT) == "It finds 90 of 100 malignant images (90%) and calls 30 of 100 others malignant (30%)."


def test_without_counts_the_verdict_has_the_shares():
    assert headline(replace(REPORT, confusion=[])) == "It finds 90% of malignant images and calls 30% of the others malignant."


def test_a_target_that_the_interval_does_not_reach_warns_and_one_within_it_does_not():
    missed = said(REPORT, "Operating point")
    assert missed.warns and "sensitivity of 95%, reached 96% there and 90% [80 to 94] on test, below it" in missed.text
    assert "75% on validation, 70% [60 to 80] on test" in missed.text
    within = said(replace(REPORT, metrics=METRICS | {"sensitivity": Interval(0.9, 0.8, 0.97)}), "Operating point")
    assert not within.warns and "which lies in the interval" in within.text


def test_an_interval_that_says_nothing_is_not_written_down():
    nothing = replace(REPORT, metrics=METRICS | {"sensitivity": Interval(0.5, 0.0, 1.0)})
    assert "reached 96% there and 50% on test." in said(nothing, "Operating point").text and not said(nothing, "Operating point").warns


def test_more_refusals_than_stated_warn():
    assert not said(REPORT, "Out of distribution").warns
    often = replace(REPORT, metrics=METRICS | {"out_of_distribution": Interval(0.1, 0.05, 0.15)})
    assert said(often, "Out of distribution").warns


def test_the_weakest_slice_is_held_against_its_own_mix_of_classes():
    weak = said(REPORT, "Slices")
    assert weak.warns and "site a: accuracy 60% [50 to 70], of 86% for its mix of classes" in weak.text  # (10 * 0.7 + 40 * 0.9) / 50
    benign = replace(PART, classes={"benign": 50}, metrics={"accuracy": Interval(0.65, 0.55, 0.75)})
    assert not said(replace(REPORT, slices={"site": {"a": benign}}), "Slices").warns  # as good as benign images are anywhere: 0.7


def test_the_corruption_that_costs_most_is_named_with_what_it_costs():
    remark = said(REPORT, "Corruption")
    assert "noise costs most: the AUC falls from 0.90 to 0.70 (by 0.20 [0.15, 0.30])" in remark.text and remark.warns


def test_seeds_patients_and_abstention_are_told():
    assert "0.900 \u00b1 0.020" in said(REPORT, "Seeds").text
    assert "over 20 patients; 2 with images of several classes left out" in said(REPORT, "Patients").text
    assert "answers 88% [80 to 95] of the test images (91% of the validation images); 90% [80 to 95]" in said(REPORT, "Abstention").text


@pytest.mark.parametrize(("change", "title"), [({"leaking": True}, "Leak"), ({"oracle": True}, "Oracle")])
def test_what_forbids_a_model_comes_first(change, title):
    assert remarks(replace(REPORT, **change))[0].title == title and remarks(replace(REPORT, **change))[0].warns


def test_the_markdown_holds_the_verdict_the_warnings_and_every_metric():
    text = markdown(REPORT, "report.html")
    assert text.startswith(f"**{headline(REPORT)}**") and "- **Warning.** Operating point:" in text
    assert all(f"| {name} | " in text for name in METRICS)
