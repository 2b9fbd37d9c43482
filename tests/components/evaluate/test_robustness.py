import numpy as np
import pytest

from components.domain.artifacts import read_dataset
from components.domain.corruptions import corrupt
from components.evaluate.robustness import SEVERITIES, sample


def test_a_sample_takes_equal_parts_of_every_class_as_far_as_they_reach():
    labels = np.array([0] * 90 + [1] * 10)
    places = sample(labels, 40, seed=1)
    assert len(places) == 40 and (labels[places] == 1).sum() == 10 and places.tolist() == sorted(set(places.tolist()))
    assert sample(labels, 10, seed=1).tolist() == sample(labels, 10, seed=1).tolist() != sample(labels, 10, seed=2).tolist()
    assert (labels[sample(labels, 10, seed=1)] == 1).sum() == 5
    assert len(sample(labels, 500, seed=0)) == 100


def test_every_cell_is_what_the_predictor_says_of_the_corrupted_images(evaluated, bundles):
    report = evaluated.report
    found = report.robustness
    assert (found.images, found.groups) == (16, 8) and set(found.corrupted["jpeg"]) == set(SEVERITIES)
    assert "speckle" not in found.corrupted and "stain" in found.corrupted  # coloured images
    assert found.clean["auc_positive"].value == pytest.approx(report.metrics["auc_positive"].value)
    data = read_dataset(evaluated.dataset)
    rows = data.rows("test")
    scores = [bundles.expected(corrupt(np.asarray(data.pixels[row]), "darker", 5, seed=0))[1] for row in rows]
    truth = data.targets[rows] == 1
    cell = found.corrupted["darker"][5]
    said = np.array(scores) >= bundles.THRESHOLD
    assert cell["sensitivity"].value == pytest.approx(said[truth].mean())
    assert cell["specificity"].value == pytest.approx((~said[~truth]).mean())
    assert cell["sensitivity_drop"].value == pytest.approx(found.clean["sensitivity"].value - cell["sensitivity"].value)


def test_worst_names_the_corruption_that_costs_most(evaluated):
    found = evaluated.report.robustness
    kind, interval = found.worst("accuracy", 5)
    assert interval.value == min(levels[5]["accuracy"].value for levels in found.corrupted.values())
    assert found.corrupted[kind][5]["accuracy"] == interval


def test_blur_changes_nothing_where_there_is_nothing_to_blur(evaluated):
    found = evaluated.report.robustness
    assert found.corrupted["blur"][5]["auc_positive"].value == found.clean["auc_positive"].value  # plain colours
    assert found.corrupted["blur"][5]["auc_positive_drop"].value == 0


def test_few_groups_state_no_interval_of_a_drop(evaluated):
    cell = evaluated.report.robustness.corrupted["noise"][1]
    assert (cell["auc_positive_drop"].low, cell["auc_positive_drop"].high) == (-1.0, 1.0)
    assert cell["auc_positive"].says_nothing
