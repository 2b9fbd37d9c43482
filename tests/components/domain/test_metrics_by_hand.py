import numpy as np
import pytest
from sklearn import metrics as sk

from components.domain.errors import InputError
from components.domain.metrics import CLASS_METRICS, HIGHER_IS_BETTER, Scored, auc, kappa, measure, measure_classes


def binary(labels, positive_scores, threshold=0.5) -> Scored:
    scores = np.array(positive_scores, dtype=float)
    predicted = (scores >= threshold).astype(np.int64)
    return Scored(np.array(labels), np.stack([1 - scores, scores], axis=1), predicted, positive=1)


def once(scored: Scored) -> dict[str, float]:
    return {name: float(value[0]) for name, value in measure(scored, np.ones((1, len(scored.labels)))).items()}


FIVE = binary([0, 0, 1, 1, 1], [0.1, 0.6, 0.4, 0.7, 0.9])
"""One true negative, one false alarm (0.6), one miss (0.4), two hits."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", 3 / 5),
        ("sensitivity", 2 / 3),
        ("specificity", 1 / 2),
        ("precision", 2 / 3),
        ("f1", 2 / 3),
        ("balanced_accuracy", (2 / 3 + 1 / 2) / 2),
        ("kappa", (3 / 5 - 13 / 25) / (12 / 25)),  # by chance 3/5 * 3/5 + 2/5 * 2/5
        ("auc", 5 / 6),  # of six pairs only (0.4, 0.6) is the wrong way round
        ("average_precision", (1 + 1 + 3 / 4) / 3),
        ("brier", (0.01 + 0.36 + 0.36 + 0.09 + 0.01) / 5),
        ("log_loss", -np.log([0.9, 0.4, 0.4, 0.7, 0.9]).mean()),
        # largest scores .9 .6 .6 .7 .9, right yes no no yes yes; bins of 0.6: |0 - 1.2|, 0.7: |1 - .7|, 0.9: |2 - 1.8|
        ("ece", (1.2 + 0.3 + 0.2) / 5),
    ],
)
def test_five_images_give_the_value_worked_by_hand(name, expected):
    assert once(FIVE)[name] == pytest.approx(expected)


def test_the_operating_point_moves_sensitivity_and_leaves_the_auc():
    labels, scores = [0, 0, 1, 1, 1], [0.1, 0.6, 0.4, 0.7, 0.9]
    low = once(binary(labels, scores, threshold=0.3))
    assert (low["sensitivity"], low["specificity"], low["auc"]) == (1.0, 0.5, pytest.approx(5 / 6))


def test_ties_count_half():
    assert auc(np.array([0.5, 0.5]), np.array([True, False]), np.ones((1, 2))) == pytest.approx([0.5])


def test_a_weight_of_two_equals_the_image_twice():
    weights = np.array([[2.0, 1, 0, 1, 3]])
    twice = binary([0, 0, 0, 1, 1, 1, 1], [0.1, 0.1, 0.6, 0.7, 0.9, 0.9, 0.9])
    weighted = measure(FIVE, weights)
    for name, value in once(twice).items():
        assert weighted[name][0] == pytest.approx(value), name


def test_a_class_never_predicted_has_precision_zero_and_recall_zero():
    scored = binary([0, 1], [0.1, 0.2])
    values = {name: float(value[0]) for name, value in measure_classes(scored, np.ones((1, 2))).items()}
    assert {name: values[name] for name in ("0.recall", "0.precision", "1.recall", "1.precision", "1.f1", "0.specificity")} == {
        "0.recall": 1.0,
        "0.precision": 0.5,
        "1.recall": 0.0,
        "1.precision": 0.0,
        "1.f1": 0.0,
        "0.specificity": 0.0,
    }


def random_scored(classes: int, count: int = 200, seed: int = 3) -> Scored:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), generator.integers(0, classes, count - classes)])
    logits = np.round(generator.normal(size=(count, classes)) + 1.5 * np.eye(classes)[labels], 1)  # rounded: many ties
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Scored(labels, probabilities, probabilities.argmax(axis=1), positive=1)


@pytest.mark.parametrize("classes", [2, 3])
def test_values_agree_with_scikit_learn_with_and_without_weights(classes):
    scored = random_scored(classes)
    weights = np.random.default_rng(1).integers(0, 4, len(scored.labels)).astype(float)
    labels, scores, predicted = scored.labels, scored.probabilities, scored.predicted
    for row in (np.ones(len(labels)), weights):
        ours = {name: float(value[0]) for name, value in measure(scored, row[None]).items()}
        w = {"sample_weight": row}
        truth, called, positive = labels == 1, predicted == 1, scores[:, 1]
        theirs = {
            "auc": np.mean([sk.roc_auc_score(labels == index, scores[:, index], **w) for index in ((1,) if classes == 2 else (0, 1, 2))]),
            "auc_positive": sk.roc_auc_score(truth, positive, **w),
            "average_precision": sk.average_precision_score(truth, positive, **w),
            "sensitivity": sk.recall_score(truth, called, **w),
            "specificity": sk.recall_score(~truth, ~called, **w),
            "precision": sk.precision_score(truth, called, **w),
            "f1": sk.f1_score(truth, called, **w),
            "accuracy": sk.accuracy_score(labels, predicted, **w),
            "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted, **w),
            "kappa": sk.cohen_kappa_score(labels, predicted, **w),
            "brier": sk.brier_score_loss(labels, scores, **w),
            "log_loss": sk.log_loss(labels, scores, **w),
        }
        assert {*theirs, "ece"} == set(HIGHER_IS_BETTER)
        for name, value in theirs.items():
            assert ours[name] == pytest.approx(value), name


def test_metrics_of_each_class_agree_with_scikit_learn():
    scored, weights = random_scored(3), np.random.default_rng(1).integers(0, 4, 200).astype(float)
    ours, w = measure_classes(scored, weights[None]), {"sample_weight": weights}
    for index in range(3):
        truth, called, scores = scored.labels == index, scored.predicted == index, scored.probabilities[:, index]
        theirs = {
            "recall": sk.recall_score(truth, called, **w),
            "precision": sk.precision_score(truth, called, **w),
            "f1": sk.f1_score(truth, called, **w),
            "specificity": sk.recall_score(~truth, ~called, **w),
            "auc": sk.roc_auc_score(truth, scores, **w),
            "average_precision": sk.average_precision_score(truth, scores, **w),
        }
        assert set(theirs) == set(CLASS_METRICS)
        assert {name: ours[f"{index}.{name}"][0] for name in theirs} == pytest.approx(theirs)


def test_kappa_is_zero_where_chance_leaves_nothing_to_reach():
    assert kappa(np.array([1.0]), np.array([1.0])) == 0


@pytest.mark.parametrize(
    ("labels", "scores", "rule"),
    [
        ([1, 1], [[0.2, 0.8], [0.1, 0.9]], "every class must have an image"),
        ([0, 1], [[np.nan, 0.8], [0.1, 0.9]], "must be finite"),
        ([0, 1, 1], [[0.5, 0.5], [0.1, 0.9]], "equal length"),
    ],
)
def test_scores_that_cannot_be_measured_are_refused_with_the_rule(labels, scores, rule):
    with pytest.raises(InputError, match=rule):
        Scored(np.array(labels), np.array(scores), np.zeros(len(labels), dtype=np.int64), positive=1)
