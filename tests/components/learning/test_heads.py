"""Heads of published systems: their forms, and one sigmoid output as two logits."""

import numpy as np
import pytest

from components.domain.errors import InputError
from components.learning import heads
from components.learning.scores import softmax


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("linear", 8 * 3 + 3),
        ("normalized", 4 * 8 + 8 * 3 + 3),
        ("hidden", 4 * 8 + 8 * 256 + 256 + 256 * 3 + 3),
    ],
)
def test_a_head_has_the_parameters_of_its_form(kind, parameters):
    head = heads.build(kind, 8, 3, dropout=0.5, seed=0)
    assert head.count_params() == parameters
    assert head(np.zeros((2, 8), np.float32)).shape == (2, 3)


def test_one_output_is_the_logit_of_the_second_class():
    head = heads.build("single", 4, 2, dropout=0.5, seed=0)
    assert head.count_params() == 5
    features = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    logits = np.asarray(head(features))
    kernel, bias = head.get_weights()
    sigmoid = 1 / (1 + np.exp(-(features @ kernel + bias)))
    np.testing.assert_allclose(softmax(logits)[:, 1:], sigmoid, atol=1e-6)


def test_one_output_for_three_classes_is_refused():
    with pytest.raises(InputError, match="head single has one output for two classes, but the data has 3"):
        heads.build("single", 4, 3, dropout=0.5, seed=0)
