"""McNemar's exact test against statsmodels, by groups against every assignment of signs; Holm against statsmodels."""

import itertools

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as reference
from statsmodels.stats.multitest import multipletests

from components.compare.agreement import mcnemar, sign_flip
from components.compare.holm import holm


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (1, 0), (3, 9), (12, 4), (7, 7), (30, 11)])
def test_one_image_a_group_is_the_exact_test_of_statsmodels(only_first, only_second):
    first = np.array([True] * only_first + [False] * only_second + [True] * 5 + [False] * 4)
    second = np.array([False] * only_first + [True] * only_second + [True] * 5 + [False] * 4)
    found = mcnemar(first, second, [str(index) for index in range(len(first))])
    expected = reference([[5, only_first], [only_second, 4]], exact=True).pvalue
    assert (found.only_first, found.only_second) == (only_first, only_second)
    assert found.p_images == pytest.approx(expected) and found.p_groups == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_groups_change_sides_as_a_whole(seed):
    net = np.random.default_rng(seed).integers(-3, 4, 9)
    sums = [abs(sum(sign * size for sign, size in zip(signs, net, strict=True))) for signs in itertools.product((-1, 1), repeat=9)]
    assert sign_flip(net) == pytest.approx(np.mean(np.array(sums) >= abs(net.sum())))


def test_ten_images_of_one_patient_are_one_case():
    first, second = np.zeros(10, dtype=bool), np.ones(10, dtype=bool)
    found = mcnemar(first, second, ["patient"] * 10)
    assert found.p_images == pytest.approx(2 * 0.5**10) and found.p_groups == 1.0


def test_the_error_is_that_of_a_share_whose_models_are_equally_good():
    found = mcnemar(np.array([True, False, False, True]), np.array([False, True, True, True]), list("abcd"))
    assert found.error == pytest.approx(np.sqrt(3) / 4)


@pytest.mark.parametrize("values", [[0.04], [0.01, 0.04, 0.03], [0.5, 0.001, 0.012, 0.3, 0.012], [1.0, 0.9]])
def test_holm_is_that_of_statsmodels(values):
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1])
