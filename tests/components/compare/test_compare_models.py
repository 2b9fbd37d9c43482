"""Whole comparisons of made-up models: what is told, what cannot be, and what is refused."""

import numpy as np
import pytest

from components.compare.compare import compare_models
from components.compare.paired import bootstrap_p, groups_needed
from components.domain.errors import InputError

LABELS = np.arange(200) % 2


def test_a_clearly_better_model_is_named(entrant, noisy):
    found = compare_models(
        [entrant("old", LABELS, noisy(LABELS, signal=0.3, seed=1)), entrant("new", LABELS, noisy(LABELS, signal=2, seed=2))]
    )
    pair = found.pairs[0]
    assert pair.told and pair.verdict.startswith("new is better than old in AUC, accuracy, sensitivity and specificity")
    assert pair.paired.differences["auc"].interval.low > 0 and pair.paired.differences["auc"].test == "DeLong"
    turned = compare_models([*reversed(found.aligned.entrants)])
    assert turned.pairs[0].verdict.startswith("new is better than old")


def test_equal_models_cannot_be_told_apart_and_no_number_of_cases_follows(entrant, noisy):
    scores = noisy(LABELS, signal=1, seed=1)
    found = compare_models([entrant("one", LABELS, scores), entrant("two", LABELS, scores)])
    assert not found.pairs[0].told and not found.disagreements
    assert all("no difference was measured" in sentence for sentence in found.pairs[0].sentences[:4])


def test_where_it_cannot_tell_it_says_how_many_more_cases_would(entrant, noisy):
    one, two = (entrant(name, LABELS, noisy(LABELS, signal=signal, seed=seed)) for name, signal, seed in (("one", 1, 1), ("two", 1.25, 2)))
    pair = compare_models([one, two], deciding=["auc"]).pairs[0]
    each = pair.paired.differences["auc"]
    assert not pair.told and "more groups" in pair.sentences[0]
    z = 1.959964 + 0.841621
    assert each.needed == pytest.approx(200 * (z * each.error / each.interval.value) ** 2, abs=1)


def test_more_questions_ask_for_more_cases(entrant, noisy):
    one, two = (entrant(name, LABELS, noisy(LABELS, signal=1, seed=seed)) for name, seed in (("one", 1), ("two", 2)))
    alone = compare_models([one, two], deciding=["auc"]).pairs[0].paired.differences["auc"]
    among = compare_models([one, two]).pairs[0].paired.differences["auc"]
    assert alone.p == among.p and among.needed > alone.needed and among.adjusted >= alone.adjusted


def test_the_needed_number_tells_in_four_of_five_draws():
    random = np.random.default_rng(0)
    needed = groups_needed(0.1, 1.0 / np.sqrt(100), 100)
    told = [abs(sample.mean()) / (sample.std(ddof=1) / np.sqrt(needed)) > 1.96 for sample in random.normal(0.1, 1.0, (1000, needed))]
    assert np.mean(told) == pytest.approx(0.8, abs=0.04)


def test_images_of_one_patient_are_one_case_in_every_test(entrant, noisy):
    one, two = noisy(LABELS, signal=0.8, seed=1), noisy(LABELS, signal=1.2, seed=3)
    alone = compare_models([entrant("one", LABELS, one), entrant("two", LABELS, two)]).pairs[0].paired.differences
    ids = [f"image-{index:04}" for index in range(800)]
    groups = [f"patient-{index // 4}" for index in range(800)]
    repeated = [
        entrant(name, np.repeat(LABELS, 4), np.repeat(scores, 4), ids=ids, groups=groups) for name, scores in (("one", one), ("two", two))
    ]
    together = compare_models(repeated).pairs[0].paired.differences
    for name in ("auc", "accuracy", "sensitivity", "specificity"):
        assert together[name].p == pytest.approx(alone[name].p), name


def test_too_few_groups_are_said_instead_of_a_p_value(entrant, noisy):
    groups = [f"patient-{index % 8}" for index in range(200)]
    one, two = (entrant(name, LABELS, noisy(LABELS, signal=signal, seed=1), groups=groups) for name, signal in (("one", 0.1), ("two", 3)))
    pair = compare_models([one, two]).pairs[0]
    assert not pair.told and "needs 5 groups" in pair.verdict and pair.paired.differences["auc"].p is None


def test_three_models_make_three_pairs_corrected_together(entrant, noisy):
    three = [entrant(name, LABELS, noisy(LABELS, signal=signal, seed=9)) for name, signal in (("a", 0.2), ("b", 1), ("c", 2))]
    found = compare_models(three, deciding=["auc"])
    assert [(pair.first, pair.second) for pair in found.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    for pair in found.pairs:
        each = pair.paired.differences["auc"]
        assert each.p <= each.adjusted <= min(1.0, 3 * each.p)


def test_lower_is_better_where_it_is(entrant, noisy):
    sharp, blunt = noisy(LABELS, signal=2, seed=1), np.full(200, 0.5) + 0.01 * (LABELS - 0.5)
    pair = compare_models([entrant("blunt", LABELS, blunt), entrant("sharp", LABELS, sharp)], deciding=["brier"]).pairs[0]
    assert pair.paired.differences["brier"].interval.value < 0 and pair.verdict.startswith("sharp is better than blunt in Brier score")


def test_other_test_images_are_compared_on_those_in_common_and_it_is_said(entrant, noisy):
    scores = noisy(LABELS, signal=1, seed=1)
    one = entrant("one", LABELS, scores)
    two = entrant("two", LABELS[:160], scores[:160])
    found = compare_models([one, two])
    assert found.images == 160 and not found.aligned.same and found.aligned.left_out == {"one": 40, "two": 0}
    assert any("left out are 40 of one" in warning for warning in found.warnings)


def test_images_whose_label_differs_are_left_out_and_counted(entrant, noisy):
    scores, turned = noisy(LABELS, signal=1, seed=1), LABELS.copy()
    turned[:6] = 1 - turned[:6]
    found = compare_models([entrant("one", LABELS, scores), entrant("two", turned, scores)])
    assert found.images == 194 and any(warning.startswith("6 images have different labels") for warning in found.warnings)


def test_groups_that_share_an_image_in_either_data_set_are_one(entrant, noisy):
    scores = noisy(LABELS, signal=1, seed=1)
    pairs = [f"p{index // 2}" for index in range(200)]
    shifted = [f"q{(index + 1) // 2}" for index in range(200)]
    shifted[100:] = [f"alone-{index}" for index in range(100)]
    found = compare_models([entrant("one", LABELS, scores, groups=pairs), entrant("two", LABELS, scores, groups=shifted)])
    assert found.groups == 1 + 50


def test_a_leaking_model_makes_the_comparison_say_nothing(entrant, noisy):
    scores = noisy(LABELS, signal=1, seed=1)
    found = compare_models([entrant("one", LABELS, scores), entrant("two", LABELS, scores, leaking=True)])
    assert any("two comes from a protocol that leaks" in warning for warning in found.warnings)


def test_the_images_they_disagree_on_come_widest_apart_first(entrant):
    labels = [0, 1] * 6
    scores = [0.1, 0.9] * 6
    other = [0.6, 0.9, 0.9, 0.9, *scores[4:11], 0.2]
    found = compare_models([entrant("one", labels, scores), entrant("two", labels, other)])
    assert [each.id for each in found.disagreements] == ["image-0002", "image-0011", "image-0000"]
    assert found.disagreements[0].said == ("benign", "malignant") and found.disagreements[0].scores == pytest.approx((0.9, 0.1))


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        ([0.01, 0.012], [0.02, 0.03], "more than the seeds' own spread"),
        ([0.80, 0.90], [0.82, 0.90], "another seed may turn it round"),
        ([0.9], [0.8, 0.9], "not known of one: train with --seeds 3"),
    ],
)
def test_the_seeds_spread_is_set_beside_the_difference(entrant, noisy, one, two, said):
    scores = noisy(LABELS, signal=1, seed=1)
    models = [entrant(name, LABELS, scores, seeds={"auc": seeds}) for name, seeds in (("one", one), ("two", two))]
    assert said in compare_models(models).pairs[0].sentences[-1]


def test_what_cannot_be_compared_is_refused_with_the_remedy(entrant, noisy):
    scores = noisy(LABELS, signal=1, seed=1)
    one = entrant("one", LABELS, scores)
    others = {
        "of the 200 of one only 0": entrant("two", LABELS, scores, ids=[f"other-{index:04}" for index in range(200)]),
        "compare runs of one task": entrant("two", LABELS, scores, classes=("normal", "tumour")),
        "name each once": entrant("one", LABELS, scores),
    }
    for said, other in others.items():
        with pytest.raises(InputError, match=said):
            compare_models([one, other])
    with pytest.raises(InputError, match="there is no metric 'accurracy'"):
        compare_models([one, entrant("two", LABELS, scores)], deciding=["accurracy"])


@pytest.mark.parametrize(("drawn", "value", "p"), [([1, 2, 3], 2, 0.5), ([-1, 1, 2], 1, 1.0), ([-2, -1, -3], -2, 0.5), ([0, 0], 0, 1.0)])
def test_a_bootstrap_p_value_is_never_zero(drawn, value, p):
    assert bootstrap_p(np.array(drawn, dtype=float), value) == p
