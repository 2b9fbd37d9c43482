"""The second phase on features at the last frozen layer: what is spared is exact, computed once, and shared."""

import os

import keras
import numpy as np
import pytest

from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe
from components.learning import feature_store
from components.learning import network as networks
from components.learning.cut import cut
from components.learning.feature_store import features, pixels_digest
from components.learning.phases import Examples, embed, fit_last, fit_network, phase_of

SIZE = 32
RECIPE = Recipe(
    name="r", task="histology", backbone="mobilenetv2", image_size=SIZE, epochs=1, fine_tune_epochs=2, fine_tune_layers=20,
    fine_tune_views=2, views=2, batch_size=4, augmentation=Augmentation(flips="both"),
)  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "some.weights.h5"
    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    for layer in model.layers:
        layer.momentum = 0.0
    model(np.random.default_rng(1).normal(size=(8, SIZE, SIZE, 3)).astype(np.float32), training=True)  # statistics that let signals through
    model.save_weights(path)
    return str(path)


@pytest.fixture
def network(weights):
    return networks.build(RECIPE, 2, weights=weights, dropout=0.0, seed=0)


@pytest.fixture(scope="module")
def examples() -> Examples:
    pixels = np.random.default_rng(0).integers(0, 255, (12, SIZE, SIZE, 3), dtype=np.uint8)
    targets = np.arange(12) % 2
    return Examples(pixels, np.arange(8), targets[:8], np.arange(8, 12), targets[8:], np.ones(2, np.float32))


@pytest.mark.parametrize(("last", "spared"), [(20, 84), (2, 102), (60, 44)])
def test_the_two_parts_answer_as_the_backbone_and_nothing_before_the_cut_learns(network, examples, last, spared):
    network.unfreeze(last)
    parts = cut(network)
    assert parts is not None
    assert parts.before.trainable_variables == []
    assert {id(each) for each in parts.after.trainable_variables} == {id(each) for each in network.backbone.trainable_variables}
    frozen = [layer for layer in parts.before._flatten_layers() if layer.weights and not isinstance(layer, keras.Model)]
    assert spared - 8 <= len(frozen) <= spared  # as late as a residual block allows
    batch = examples.pixels.astype(np.float32)
    np.testing.assert_array_equal(
        parts.after.predict_on_batch(parts.before.predict_on_batch(batch)), network.backbone.predict_on_batch(batch)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["densenet121", "inceptionv3"])
def test_blocks_that_branch_and_stack_are_cut_where_all_paths_meet(name):
    size = 80
    network = networks.build(RECIPE.override({"backbone": name, "image_size": str(size)}), 2, weights=None, dropout=0.0, seed=0)
    network.unfreeze(20)
    parts = cut(network)
    assert parts is not None and parts.before.trainable_variables == []
    assert {id(each) for each in parts.after.trainable_variables} == {id(each) for each in network.backbone.trainable_variables}
    batch = np.random.default_rng(0).integers(0, 255, (2, size, size, 3)).astype(np.float32)
    whole = network.backbone.predict_on_batch(batch)
    joined = parts.after.predict_on_batch(parts.before.predict_on_batch(batch))
    np.testing.assert_allclose(joined, whole, atol=1e-5 * np.abs(whole).max())


def test_a_backbone_without_a_frozen_layer_is_not_cut(network):
    network.unfreeze(1000, norm=True)
    assert cut(network) is None


def test_training_on_features_of_unchanged_images_ends_where_training_on_their_pixels_does(weights, examples):
    ends, still = [], {"fine_tune_views": "1", "augmentation.flips": "none"}
    for views in ("1", "0"):
        recipe = RECIPE.override({**still, "fine_tune_views": views})
        network = networks.build(recipe, 2, weights=weights, dropout=0.0, seed=0)
        network.unfreeze(20)
        phase = phase_of(recipe, epochs=2, learning_rate=1e-3, seed=0)
        fit_last(network, examples, recipe, phase, lambda epoch, values: None)
        ends.append(network.backbone.get_weights())
    moved = 0.0
    first = networks.build(RECIPE, 2, weights=weights, dropout=0.0, seed=0).backbone.get_weights()
    for one, other, before in zip(*ends, first, strict=True):
        moved = max(moved, float(np.abs(one - before).max()))
        np.testing.assert_allclose(one, other, atol=2e-4)
    assert moved > 1e-3


def test_what_is_in_the_store_is_not_computed_again_by_another_network_of_the_same_weights(weights, network, examples, tmp_path, caplog):
    caplog.set_level("INFO")
    first = embed(network, examples, RECIPE, seed=3, store=tmp_path)
    assert "earlier computation" not in caplog.text
    again = embed(networks.build(RECIPE, 2, weights=weights, dropout=0.4, seed=9), examples, RECIPE, seed=3, store=tmp_path)
    assert caplog.text.count("earlier computation") == 2  # train and validation
    np.testing.assert_array_equal(first.train, again.train)
    np.testing.assert_array_equal(first.train, embed(network, examples, RECIPE, seed=3).train)


@pytest.mark.parametrize("what", ["weights", "pixels", "policy", "seed", "views"])
def test_whatever_decides_features_makes_them_anew(what, network, examples, tmp_path):
    pixels, policy, seed, views = examples.pixels, RECIPE.augmentation, 0, 2

    def files():
        digest = pixels_digest(pixels, examples.train)
        features(network.backbone, pixels, examples.train, policy, views=views, seed=seed, store=tmp_path, digest=digest)
        return len(list(tmp_path.glob("*.npy")))

    assert (files(), files()) == (1, 1)
    if what == "weights":
        network.backbone.set_weights([weight + 1e-6 for weight in network.backbone.get_weights()])
    pixels = pixels ^ 1 if what == "pixels" else pixels
    policy = Augmentation(flips="horizontal") if what == "policy" else policy
    seed, views = seed + (what == "seed"), views + (what == "views")
    assert files() == 2


def test_the_oldest_features_go_when_there_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_store, "KEPT_BYTES", 250)
    for age, name in enumerate(("new", "middle", "old", "needed")):
        (tmp_path / f"{name}.npy").write_bytes(b"0" * 100)
        os.utime(tmp_path / f"{name}.npy", (1e9 * 2 - age, 1e9 * 2 - age))
    feature_store.clear(tmp_path, but=tmp_path / "needed.npy")
    assert sorted(path.stem for path in tmp_path.glob("*.npy")) == ["middle", "needed", "new"]


def test_stages_unfreeze_ever_more_layers_and_share_the_epochs(weights, examples, caplog):
    recipe = RECIPE.override({"fine_tune_stages": "2", "fine_tune_epochs": "3", "fine_tune_views": "0", "patience": "0"})
    network, seen, told = networks.build(recipe, 2, weights=weights, dropout=0.0, seed=0), [], []
    unfreeze = networks.Network.unfreeze

    class Watched(networks.Network):
        def unfreeze(self, last, *, norm=False):
            seen.append(last)
            unfreeze(self, last, norm=norm)

    watched = Watched(network.backbone, network.head, pretrained=True)
    result = fit_network(
        watched, examples, recipe, embed(network, examples, recipe, seed=0), seed=0, on_epoch=lambda epoch, _: told.append(epoch)
    )
    assert seen == [10, 20]
    assert told == [0, 1, 2, 3]  # one frozen, then one and two
    assert result["epochs"] == 4
