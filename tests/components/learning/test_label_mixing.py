"""MixUp and CutMix inside the training graph: labels blend as their images do, and the loss learns from the blended ones."""

import keras
import numpy as np
import pytest

from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe
from components.learning import augmentation, mixing, network
from components.learning.mixing import MixedCrossentropy, Mixing, mixed_accuracy
from components.learning.phases import Examples, fit_pixels
from components.learning.schedule import Phase

LABELS = np.eye(2, dtype=np.float32)[np.arange(8) % 2]
LEVELS = (200 * LABELS[:, 1])[:, None, None, None] * np.ones((1, 32, 32, 3), np.float32)
"""Images of class 0 are black, those of class 1 are 200 everywhere: the mean of a blend tells its label."""


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_a_label_says_how_much_of_each_image_is_in_the_blend(mixup, cutmix):
    layer, shares = Mixing(mixup, cutmix, seed=1), []
    for _ in range(8):
        images, labels = (np.asarray(each) for each in layer(LEVELS, LABELS, training=True))
        np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-5)
        shares.append(labels[:, 1])
        np.testing.assert_allclose(images.mean(axis=(1, 2, 3)) / 200, labels[:, 1], atol=0.1)  # CutMix rounds to whole pixels
    assert ((np.concatenate(shares) > 0.05) & (np.concatenate(shares) < 0.95)).any()


def test_mixup_blends_whole_images_and_cutmix_pastes_a_patch():
    blended = np.asarray(Mixing(0.5, 0.0, seed=2)(LEVELS, LABELS, training=True)[0])
    pasted = np.asarray(Mixing(0.0, 1.0, seed=2)(LEVELS, LABELS, training=True)[0])
    assert np.ptp(blended, axis=(1, 2, 3)).max() < 1e-3
    assert set(np.unique(pasted)) == {0, 200}
    assert len(np.unique(blended.round(2))) > 2


def test_with_both_each_batch_takes_one_of_them():
    layer = Mixing(0.5, 1.0, seed=3)
    patched = [np.ptp(np.asarray(layer(LEVELS, LABELS, training=True)[0]), axis=(1, 2, 3)).max() > 1 for _ in range(20)]
    assert 0 < sum(patched) < 20


def test_outside_training_nothing_blends_and_equal_seeds_blend_alike():
    images, labels = Mixing(0.5, 1.0, seed=3)(LEVELS, LABELS, training=False)
    np.testing.assert_array_equal(images, LEVELS)
    np.testing.assert_array_equal(labels, LABELS)
    one, other = (Mixing(0.5, 1.0, seed=3)(LEVELS, LABELS, training=True) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


def test_the_loss_of_an_unblended_batch_is_the_plain_weighted_cross_entropy():
    logits, weights = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32), np.array([0.5, 2.0], np.float32)
    plain = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    expected = float(plain(LABELS, logits, sample_weight=LABELS @ weights))
    answer = np.concatenate([logits, LABELS], axis=1)
    assert float(MixedCrossentropy(weights, label_smoothing=0.1)(LABELS, answer)) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_a_blend_worked_by_hand():
    answer = np.array([[0.0, 0.0, 0.25, 0.75]], np.float32)  # logits say 1/2 each: ln 2 whatever the target
    loss = MixedCrossentropy(np.array([1.0, 3.0], np.float32), label_smoothing=0.0)
    assert float(loss(LABELS[:1], answer)) == pytest.approx((0.25 * 1 + 0.75 * 3) * np.log(2), rel=1e-5)


def test_accuracy_counts_the_larger_part_of_the_blend():
    metric = mixed_accuracy()
    metric.update_state(LABELS[:2], np.array([[2.0, 1.0, 0.7, 0.3], [2.0, 1.0, 0.2, 0.8]], np.float32))
    assert float(metric.result()) == 0.5


RECIPE = Recipe(name="mix", task="histology", backbone="convnet", image_size=32, augmentation=Augmentation(mixup=0.2, cutmix=1.0))


def learn(policy, seed=0):
    random = np.random.default_rng(1)
    targets = np.arange(48) % 2
    pixels = np.clip(random.normal(90 + 60 * targets[:, None, None, None], 45, (48, 32, 32, 3)), 0, 255).astype(np.uint8)
    rows = np.arange(32)
    examples = Examples(pixels, rows, targets[:32], np.arange(32, 48), targets[32:], np.ones(2, np.float32))
    model = network.build(RECIPE, 2, weights=None, dropout=0.0, seed=seed)
    phase = Phase(3, 3e-3, False, 0.0, 8, 0.0, 3, seed)
    result = fit_pixels(model, examples, RECIPE.override({f"augmentation.{k}": str(v) for k, v in policy.items()}), phase, lambda *_: None)
    return model, result


def test_a_network_learns_from_blends_reproducibly_and_its_exported_part_holds_none():
    model, result = learn({})
    again, repeated = learn({})
    assert result == pytest.approx(repeated, abs=1e-4)
    assert result["val_auc"] > 0.9
    for one, other in zip(model.classifier().get_weights(), again.classifier().get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    names = {type(layer).__name__ for layer in (*model.backbone.layers, *model.head.layers, *model.classifier().layers)}
    assert not names & {"Mixing", "MixUp", "CutMix", "RandomFlip"}


def test_blending_changes_what_is_learnt():
    plain, blended = (learn(policy)[0].classifier().get_weights() for policy in ({"mixup": 0, "cutmix": 0}, {}))
    assert any(not np.allclose(one, other, atol=1e-4) for one, other in zip(plain, blended, strict=True))


def test_a_policy_without_blending_has_no_such_layer():
    assert mixing.build(Augmentation(), seed=0) is None
    assert mixing.build(Augmentation(mixup=0.2), seed=0) is not None
    assert "mixing" not in {layer.name for layer in augmentation.build(Augmentation(mixup=0.2), 32, seed=0).layers}
