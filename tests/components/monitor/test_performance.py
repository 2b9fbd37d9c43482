"""Performance with labels, by figures worked by hand, against scikit-learn, and against the policy."""

import numpy as np
import pytest
from sklearn import metrics as reference

from components.domain.errors import InputError
from components.domain.report import Interval
from components.monitor.answers import Answers, read_answers
from components.monitor.labels import Labels
from components.monitor.metrics import drift_metrics
from components.monitor.monitor import monitor
from components.monitor.performance import Floors, measure_window
from components.promote.policy import Policy, policy_text

CLASSES = ("benign", "malignant")
FLOORS = Floors(min_auc_low=0.7, min_sensitivity=0.8, min_specificity=0.3, max_ece=0.15, auc_margin=0.03, sensitivity_margin=0.05)


def answers(scores, *, requests=None) -> Answers:
    scores = np.asarray(scores, dtype=np.float64)
    names = requests or [f"r{row}" for row in range(len(scores))]
    return Answers(names, np.stack([1 - scores, scores], axis=1), (scores >= 0.5).astype(np.int64))


def performance(given, truths, *, groups=None, test=None):
    labels = Labels(truths, groups or {}, len(truths))
    return measure_window(given, labels, classes=CLASSES, positive=1, test=test or {}, floors=FLOORS, draws=200)


def population(count: int, *, missed: float, seed: int = 0):
    """Half malignant, of which a share is scored low; calibrated otherwise."""
    random = np.random.default_rng(seed)
    truth = np.arange(count) % 2
    wrong = (truth == 1) & (random.random(count) < missed)
    scores = np.where((truth == 1) & ~wrong, 0.95, 0.05) + random.uniform(-0.04, 0.04, count)
    return answers(scores), {f"r{row}": CLASSES[truth[row]] for row in range(count)}, truth


def test_figures_are_those_of_scikit_learn():
    given, truths, truth = population(200, missed=0.2)
    found = performance(given, truths)
    expected = {
        "accuracy": reference.accuracy_score(truth, given.predicted),
        "sensitivity": reference.recall_score(truth, given.predicted),
        "specificity": reference.recall_score(truth, given.predicted, pos_label=0),
        "auc": reference.roc_auc_score(truth, given.probabilities[:, 1]),
    }
    assert {name: found.metrics[name].value for name in expected} == pytest.approx(expected)
    assert (found.images, found.of, found.classes) == (200, 200, {"benign": 100, "malignant": 100})


def test_a_sensitivity_wholly_below_the_floor_is_an_alarm_and_a_little_below_is_not():
    fallen = performance(*population(400, missed=0.5)[:2])
    assert fallen.fallen
    assert "below the policy: sensitivity is 0.5" in fallen.text()
    few = performance(*population(40, missed=0.25, seed=3)[:2])
    assert few.metrics["sensitivity"].value < 0.8 < few.metrics["sensitivity"].high
    assert not few.fallen
    assert "More labels are needed to tell: sensitivity is" in few.text()


def test_a_fall_from_the_test_report_beyond_the_margin_is_an_alarm_although_the_floor_is_kept():
    given, truths, _ = population(2000, missed=0.14)
    test = {"sensitivity": Interval(0.99, 0.98, 1.0), "auc": Interval(0.99, 0.98, 1.0)}
    found = performance(given, truths, test=test)
    assert found.metrics["sensitivity"].low > FLOORS.min_sensitivity
    assert [each.metric for each in found.shortfalls if each.certain] == ["auc", "sensitivity"]


def test_the_difference_of_two_intervals_is_worked_by_hand():
    given, truths, _ = population(400, missed=0.5)
    now = performance(given, truths).metrics["accuracy"]
    found = performance(given, truths, test={"accuracy": Interval(0.9, 0.85, 0.94)}).differences["accuracy"]
    assert found.value == pytest.approx(now.value - 0.9)
    assert found.low == pytest.approx(found.value - ((now.value - now.low) ** 2 + 0.04**2) ** 0.5)
    assert found.high == pytest.approx(found.value + ((now.high - now.value) ** 2 + 0.05**2) ** 0.5)


def test_images_of_one_patient_widen_the_interval():
    given, truths, _ = population(400, missed=0.3)
    alone = performance(given, truths).metrics["sensitivity"]
    patients = {f"r{row}": f"p{row // 2 % 8}" for row in range(400)}
    wide = performance(given, truths, groups={name: patients[name] for name in truths}).metrics["sensitivity"]
    assert alone.value == wide.value
    few = performance(given, truths, groups={name: f"p{int(name[1:]) % 4}" for name in truths}).metrics["sensitivity"]
    assert (few.low, few.high) == (0.0, 1.0)  # two patients of each class tell nothing


def test_labels_of_one_class_give_what_they_can():
    found = performance(answers([0.9] * 30 + [0.1] * 10), {f"r{row}": "malignant" for row in range(40)})
    assert sorted(found.metrics) == ["accuracy", "sensitivity"]
    assert found.metrics["sensitivity"].value == 0.75


def test_labels_of_other_windows_and_of_batches_are_left_out_and_told():
    given = answers([0.9, 0.1, 0.8], requests=["a", "batch", "batch"])
    found = performance(given, {"a": "malignant", "batch": "benign", "lost": "benign"})
    assert found.images == 1
    assert found.left_out == (
        "1 labels are of no image of this model in this window: lost",
        "1 request ids brought several images and cannot be told apart: batch",
    )


def test_no_label_of_this_window_says_so():
    found = performance(answers([0.9]), {"lost": "benign"})
    assert (found.metrics, found.fallen) == ({}, False)
    assert "none of the labels is of one of these 1 images" in found.text()


def test_it_is_told_when_the_labelled_are_no_random_draw():
    given, truths, _ = population(100, missed=0.0)
    most = {name: label for name, label in truths.items() if label == "malignant" or int(name[1:]) < 20}
    assert "no random draw (20% of those called benign, 100% of those called malignant)" in performance(given, most).text()


def test_all_answers_of_the_window_are_read_and_unusable_ones_counted(scene):
    table = scene.play()
    from serving.contract import tree_digest

    found = read_answers(scene.log, tree_digest(scene.bundle), CLASSES)
    assert (len(found), found.unusable) == (table.num_rows, 0)
    by_request = dict(zip(found.requests, found.probabilities[:, 1], strict=True))
    expected = {row["request_id"]: row["probabilities"][1] for row in table.to_pylist()}
    assert by_request == pytest.approx(expected)
    other = read_answers(scene.log, tree_digest(scene.bundle), ("benign", "something else"))
    assert len(other) + other.unusable == table.num_rows
    assert other.unusable == sum(row["predicted_class"] == "malignant" for row in table.to_pylist())


def test_the_page_the_run_and_the_exit_code_show_what_labels_say(scene, tmp_path):
    rows = scene.play().to_pylist()
    path = tmp_path / "labels.csv"
    wrong = {"benign": "malignant", "malignant": "benign"}
    path.write_text("request_id,label\n" + "".join(f"{row['request_id']},{wrong[row['predicted_class']]}\n" for row in rows))
    verdict = monitor(scene.log, scene.bundle, tmp_path / "out", since=None, until=None, min_images=200, labels=path, floors=FLOORS)
    assert (verdict.status.value, verdict.exit_code, verdict.alarm) == ("too little data", 4, True)
    assert verdict.because.startswith("labels show it below the policy: ")
    metrics = drift_metrics(verdict)
    assert (metrics["labelled_accuracy"], metrics["labelled_below_policy"]) == (0.0, 1.0)
    page = (tmp_path / "out" / "drift.html").read_text()
    assert "lobule-histology: too little data, performance below the policy" in page
    assert f"Measured with labels ({len(rows)} of {len(rows)} images" in page


def test_a_policy_gives_the_floors_and_anything_else_is_refused():
    assert Floors.from_policy(Policy.from_toml(policy_text()).to_json()) == FLOORS
    with pytest.raises(InputError, match="but this is none"):
        Floors.from_policy("{}")
