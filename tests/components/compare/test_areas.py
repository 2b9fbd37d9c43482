"""DeLong and Obuchowski, against their definitions written out, and against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from components.compare.areas import areas, mean_areas, placements
from components.domain.bootstrap import resample
from components.domain.metrics import auc


def wins(positive: float, other: float) -> float:
    return 1.0 if positive > other else 0.5 if positive == other else 0.0


def slow_delong(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """DeLong et al. 1988, equations 4 to 6, with loops."""
    above = np.array([[np.mean([wins(p, n) for n in row[~truth]]) for p in row[truth]] for row in scores])
    below = np.array([[np.mean([wins(p, n) for p in row[truth]]) for n in row[~truth]] for row in scores])
    return np.cov(above) / above.shape[1] + np.cov(below) / below.shape[1]


def slow_obuchowski(scores: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Obuchowski 1997, equations 2 to 5, with loops over clusters."""
    names, models = np.unique(groups), len(scores)
    above, below = placements(scores, truth)
    area = above.mean(axis=1)
    positives, others = int(truth.sum()), int((~truth).sum())
    held = {name: (groups[truth] == name, groups[~truth] == name) for name in names}
    with_positive = sum(ours.any() for ours, _ in held.values())
    with_other = sum(rest.any() for _, rest in held.values())
    result = np.zeros((models, models))
    for r in range(models):
        for s in range(models):
            s10 = s01 = s11 = s11_turned = 0.0
            for ours, rest in held.values():
                x_r, x_s = (above[k][ours].sum() - ours.sum() * area[k] for k in (r, s))
                y_r, y_s = (below[k][rest].sum() - rest.sum() * area[k] for k in (r, s))
                s10, s01, s11, s11_turned = s10 + x_r * x_s, s01 + y_r * y_s, s11 + x_r * y_s, s11_turned + x_s * y_r
            s10 *= with_positive / ((with_positive - 1) * positives)
            s01 *= with_other / ((with_other - 1) * others)
            both = len(names) / (len(names) - 1)
            result[r, s] = s10 / positives + s01 / others + both * (s11 + s11_turned) / (positives * others)
    return result


@pytest.fixture(scope="module")
def drawn():
    """Three models on 60 images, with ties, in 17 groups of which some hold both classes."""
    random = np.random.default_rng(5)
    truth = random.random(60) < 0.4
    scores = np.round(truth + random.normal(size=(3, 60)) * [[0.8], [1.0], [1.5]], 1)
    return scores, truth, random.integers(0, 17, 60).astype(str)


def test_placement_values_worked_by_hand():
    above, below = placements(np.array([[0.9, 0.5, 0.5, 0.1]]), np.array([True, True, False, False]))
    assert above.tolist() == [[1.0, 0.75]] and below.tolist() == [[0.75, 1.0]]


def test_areas_are_scikit_learns(drawn):
    scores, truth, groups = drawn
    assert areas(scores, truth, groups).values == pytest.approx([roc_auc_score(truth, row) for row in scores])


def test_one_image_a_group_is_delongs_test(drawn):
    scores, truth, _ = drawn
    found = areas(scores, truth, [str(index) for index in range(len(truth))])
    assert found.covariance == pytest.approx(slow_delong(scores, truth))


def test_images_in_groups_are_obuchowskis_test(drawn):
    scores, truth, groups = drawn
    assert areas(scores, truth, groups).covariance == pytest.approx(slow_obuchowski(scores, truth, groups))


def test_every_image_twice_in_its_group_is_no_more_evidence(drawn):
    scores, truth, _ = drawn
    names = np.arange(len(truth)).astype(str)
    once = areas(scores, truth, names.tolist())
    twice = areas(np.repeat(scores, 2, axis=1), np.repeat(truth, 2), np.repeat(names, 2).tolist())
    assert twice.p_value() == pytest.approx(once.p_value())
    alone = areas(np.repeat(scores, 2, axis=1), np.repeat(truth, 2), [str(index) for index in range(2 * len(truth))])
    assert alone.p_value() < once.p_value()


def test_the_p_value_is_that_of_a_normal_deviate(drawn):
    scores, truth, groups = drawn
    found = areas(scores, truth, groups)
    difference, error = found.difference(0, 2)
    assert found.p_value(0, 2) == pytest.approx(math.erfc(abs(difference) / error / math.sqrt(2)))


def test_the_same_scores_twice_do_not_differ(drawn):
    scores, truth, groups = drawn
    assert areas(scores[[0, 0]], truth, groups).p_value() == 1.0


def test_areas_without_variance_have_no_test():
    truth = np.array([True] * 6 + [False] * 6)
    found = areas(np.stack([truth.astype(float), np.zeros(12)]), truth, [str(index) for index in range(12)])
    assert found.values.tolist() == [1.0, 0.5] and math.isnan(found.p_value())


def test_the_mean_over_classes_has_the_error_that_a_bootstrap_finds():
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 240)
    truths = labels[:, None] == np.arange(3)
    scores = truths + random.normal(size=(2, 240, 3)) * np.array([0.7, 0.9])[:, None, None]
    groups = [str(index // 2) for index in range(240)]
    found = mean_areas(scores, truths, groups)
    singles = [[roc_auc_score(truths[:, k], scores[m, :, k]) for k in range(3)] for m in range(2)]
    assert found.values == pytest.approx(np.mean(singles, axis=1))

    def both(weights):
        mean = [np.mean([auc(scores[m, :, k], truths[:, k], weights) for k in range(3)], axis=0) for m in range(2)]
        return {"difference": mean[1] - mean[0]}

    drawn = resample(both, groups, labels=labels, draws=2000).drawn["difference"]
    assert found.difference()[1] == pytest.approx(drawn.std(), rel=0.08)
