import numpy as np
import pytest

from components.domain.metrics import Scored
from components.evaluate.patients import measure_patients


def scored_of(labels, scores, threshold=0.31):
    column = np.array(scores, dtype=float)
    return Scored(np.array(labels), np.stack([1 - column, column], axis=1), (column >= threshold).astype(np.int64), positive=1)


def measured(bundles, scored, groups):
    return measure_patients(scored, groups, bundles.card(), draws=50, seed=0)


def test_a_patient_has_the_mean_of_its_images_at_the_operating_point(bundles):
    scored = scored_of([1, 1, 0, 0, 1], [0.2, 0.6, 0.5, 0.1, 0.1])  # means 0.4, 0.3 and 0.1, at 0.31
    found = measured(bundles, scored, ["p1", "p1", "p2", "p2", "p3"])
    assert (found.patients, found.images, found.classes) == (3, 5, {"benign": 1, "malignant": 2})
    values = {name: each.value for name, each in found.metrics.items()}
    assert (values["sensitivity"], values["specificity"], values["auc"]) == (0.5, 1.0, 0.5)
    assert values["brier"] == pytest.approx((0.6**2 + 0.3**2 + 0.9**2) / 3)
    assert found.metrics["auc"].says_nothing  # two patients of a class are too few


def test_patients_of_several_classes_and_unknown_ones_are_left_out_and_counted(bundles):
    scored = scored_of([1, 0, 1, 0, 1, 0], [0.9, 0.1, 0.8, 0.2, 0.9, 0.1])
    found = measured(bundles, scored, ["both", "both", "p2", "p3", "image:0", "near:0"])
    assert (found.patients, found.mixed, found.unknown, found.images) == (2, 1, 2, 2)


def test_clusters_and_sites_are_no_patients(bundles):
    assert measured(bundles, scored_of([0, 1], [0.1, 0.9]), ["near:a", "image:b"]) is None
    assert measured(bundles, scored_of([0, 1], [0.1, 0.9]), ["site:a", "site:b"]) is None


def test_without_a_patient_of_every_class_there_is_no_patient_level(bundles):
    assert measured(bundles, scored_of([0, 1, 1], [0.1, 0.9, 0.8]), ["mixed", "mixed", "p"]) is None


def test_enough_patients_have_an_interval_over_patients(bundles):
    labels = [place % 2 for place in range(40)]
    scores = np.where(np.array(labels) == 1, 0.9, 0.1)
    scores[3] = 0.0
    found = measured(bundles, scored_of(labels, scores), [f"p{place}" for place in range(40)])
    assert 0 < found.metrics["sensitivity"].low < 19 / 20 < found.metrics["sensitivity"].high <= 1
