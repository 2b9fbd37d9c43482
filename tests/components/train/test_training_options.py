"""What a recipe may add to the final fit: the average of the seeds, mirror images, averaged weights. Each is served like any other."""

import keras
import numpy as np
import pytest

from components.domain.artifacts import read_dataset
from components.domain.candidates import ENSEMBLE
from components.domain.errors import InputError
from components.domain.presets import load
from components.domain.study import write_best
from components.domain.tracking import NoTracker
from components.evaluate.evaluate import evaluate_model
from components.learning import network as networks
from components.learning.combined import ensemble, mirrored
from components.train.mirrored import measure
from components.train.train import train_models
from serving.contract import ENSEMBLE_SEED, Card
from serving.predictor import Predictor


def network(recipe, seed):
    return networks.build(recipe, 2, weights=None, dropout=0.0, seed=seed)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("head", ["linear", "hidden", "single"])
def test_an_ensembles_logits_are_the_mean_of_its_members(head, tiny_recipe, images):
    members = [network(tiny_recipe.override({"head": head}), seed) for seed in range(3)]
    alone = np.mean([member.classifier().predict_on_batch(images) for member in members], axis=0)
    np.testing.assert_allclose(ensemble(members).classifier().predict_on_batch(images), alone, atol=1e-5)


def test_with_mirror_images_an_image_and_its_mirror_image_score_the_same_their_mean(tiny_recipe, images):
    one = network(tiny_recipe, 0)
    plain, turned = (one.classifier().predict_on_batch(batch) for batch in (images, images[:, :, ::-1]))
    assert np.abs(plain - turned).max() > 1e-4
    both = mirrored(one).classifier()
    np.testing.assert_allclose(both.predict_on_batch(images), (plain + turned) / 2, atol=1e-5)
    np.testing.assert_allclose(both.predict_on_batch(images[:, :, ::-1]), (plain + turned) / 2, atol=1e-5)


TARGETS = np.array([0, 1] * 10)
SURE = np.where(TARGETS[:, None] == np.arange(2), 2.0, 0.0).astype(np.float32)


@pytest.mark.parametrize(
    ("why", "plain", "other", "chosen"),
    [
        ("every image is surer", SURE, 1.5 * SURE, 1.0),
        ("nothing changes", SURE, SURE, 0.0),
        ("half is surer and half less so", SURE, SURE * np.array([[1.2], [0.83]] * 10, np.float32), 0.0),
        ("all are less sure", SURE, 0.5 * SURE, 0.0),
    ],
)
def test_mirror_images_are_chosen_where_the_loss_falls_beyond_its_error(why, plain, other, chosen):
    assert measure(plain, other, TARGETS)["flips"] == chosen, why


def test_an_ensemble_of_one_is_refused(tiny_recipe):
    with pytest.raises(InputError, match="seeds must be at least 2 for an ensemble, but got 1"):
        tiny_recipe.override({"ensemble": "true", "seeds": "1"})


@pytest.mark.parametrize("setting", [{"ensemble": "true", "seeds": "2"}, {"flips_at_test": "auto"}])
def test_a_network_too_large_to_be_exported_within_another_is_refused_there(setting):
    with pytest.raises(InputError, match=r"ensemble and flips_at_test must be off for flatcnn, .* but got .*; leave both out"):
        load("histology-cnn512:as_published").override(setting)


@pytest.mark.slow
def test_the_average_of_the_seeds_is_a_bundle_like_any_other(tiny_recipe, tiny_training_set, tiny_dataset, tmp_path):
    recipe = tiny_recipe.override(
        {"ensemble": "true", "flips_at_test": "auto", "ema": "0.9", "epochs": "2", "save_h5": "true", "precision": "f32"}
    )
    write_best(tmp_path / "study", recipe)
    where = {"weights": None, "code": "sha256:" + "1" * 64, "commit": "abc", "tracker": NoTracker()}
    candidates = train_models(tiny_training_set, tmp_path / "study", tmp_path / "out", **where)
    assert list(candidates.validation_auc) == ["seed-0", "seed-1", ENSEMBLE]
    dataset, bundle = read_dataset(tiny_training_set), tmp_path / "out" / ENSEMBLE
    card = Card.read(bundle)
    assert card.seed == ENSEMBLE_SEED
    assert {"flips", "flips_loss_gain", "flips_auc_gain"} <= set(card.validation)
    pixels = np.asarray(dataset.pixels[dataset.rows("validation")])
    served = Predictor.load(bundle).scores(pixels)
    kept = np.log(keras.saving.load_model(bundle.with_suffix(".keras")).predict_on_batch(pixels)) / card.temperature
    difference = np.log(served.probabilities) - kept
    np.testing.assert_allclose(difference[:, 0], difference[:, 1], atol=1e-3)
    assert (tmp_path / "out" / "seed-0.h5").is_file()
    report = evaluate_model(tmp_path / "out", tiny_dataset, tmp_path / "report", draws=20)
    assert len(report.seeds["auc"]) == 2
