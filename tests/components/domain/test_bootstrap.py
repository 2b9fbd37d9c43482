import time

import numpy as np
import pytest

from components.domain.bootstrap import Resamples, bootstrap
from components.domain.errors import InputError
from components.domain.metrics import Scored, measure


def mean_of(values):
    column = np.asarray(values, dtype=float)
    return lambda weights: {"mean": (weights @ column) / weights.sum(axis=1)}


def test_images_of_a_group_are_drawn_together():
    labels = np.array([0, 1, 0, 1, 0])
    weights = np.concatenate(list(Resamples(["a", "a", "b", "b", "b"], labels, draws=50, seed=1)))
    assert weights.shape == (50, 5)
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 2] == weights[:, 4]).all()
    assert (weights[:, 0] + weights[:, 2] == 2).all()  # two groups drawn, twice


def test_resamples_that_lack_a_class_are_drawn_again_and_counted():
    labels = np.array([0, 1])  # one group a class: half of the resamples lack one
    resamples = Resamples(["a", "b"], labels, draws=400, seed=0)
    weights = np.concatenate(list(resamples))
    assert (weights == 1).all() and len(weights) == 400
    assert 250 < resamples.redrawn < 600


def test_equal_seeds_give_equal_intervals_and_others_do_not():
    labels, values = np.arange(40) % 2, np.random.default_rng(0).normal(size=40)
    groups = [str(index) for index in range(40)]
    first, again, other = (bootstrap(mean_of(values), groups, labels=labels, draws=200, seed=seed).intervals for seed in (1, 1, 2))
    assert first == again != other


def test_groups_of_alike_images_widen_the_interval():
    values = np.repeat(np.random.default_rng(0).normal(size=20), 10)
    labels = np.arange(200) % 2
    by_image = bootstrap(mean_of(values), [str(index) for index in range(200)], labels=labels, draws=400).intervals["mean"]
    by_group = bootstrap(mean_of(values), [str(index // 10) for index in range(200)], labels=labels, draws=400).intervals["mean"]
    assert by_group.high - by_group.low > 2 * (by_image.high - by_image.low)


def test_ninety_five_percent_intervals_hold_the_truth_about_that_often():
    generator, held = np.random.default_rng(5), 0
    labels, groups = np.arange(80) % 2, [str(index) for index in range(80)]
    for repeat in range(200):
        found = bootstrap(mean_of(generator.normal(3.0, 1.0, 80)), groups, labels=labels, draws=200, seed=repeat).intervals["mean"]
        held += found.low <= 3.0 <= found.high
    assert 178 <= held <= 199  # 190 expected, standard deviation 3


def test_more_images_than_fit_a_block_still_give_every_draw():
    labels = np.arange(3000) % 2
    weights = list(Resamples([str(index) for index in range(3000)], labels, draws=700, seed=0))
    assert len(weights) > 1 and sum(len(block) for block in weights) == 700


def test_a_thousand_draws_of_every_metric_on_three_hundred_images_take_seconds_at_most():
    generator = np.random.default_rng(0)
    labels, scores = np.arange(300) % 2, generator.uniform(size=300)
    scored = Scored(labels, np.stack([1 - scores, scores], axis=1), (scores > 0.5).astype(np.int64), positive=1)
    began = time.monotonic()
    found = bootstrap(lambda weights: measure(scored, weights), [str(index) for index in range(300)], labels=labels, draws=1000)
    assert time.monotonic() - began < 4
    assert len(found.intervals) == 13 and all(
        part.low <= part.value <= part.high for name, part in found.intervals.items() if name != "ece"
    )


def test_no_draws_are_refused():
    with pytest.raises(InputError, match="at least 1 draw"):
        Resamples(["a"], np.array([0]), draws=0, seed=0)
