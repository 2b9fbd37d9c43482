"""From a training set to finished bundles: the bundle answers as the network did, and says where it comes from."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.domain.artifacts import read_dataset
from components.domain.candidates import Candidates
from components.domain.errors import InputError
from components.domain.study import write_best
from components.domain.tracking import NoTracker
from components.learning import network as networks
from components.train.train import train_models
from serving.contract import PREDICTION_SCHEMA, Card
from serving.openvino_graph import OpenVinoGraph, knows_bf16
from serving.predictor import Predictor
from serving.reference import read_reference

pytestmark = pytest.mark.slow
CODE = "sha256:" + "1" * 64


@pytest.fixture(scope="module")
def trained(tiny_training_set, tiny_recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    write_best(folder / "study", tiny_recipe)
    candidates = train_models(
        tiny_training_set, folder / "study", folder / "out", weights=None, code=CODE, commit="abc", tracker=NoTracker()
    )
    return folder / "out", candidates


def test_each_seed_leaves_a_bundle_that_loads_and_passes_its_canary(trained):
    output, candidates = trained
    assert sorted(candidates.validation_auc) == ["seed-0", "seed-1"]
    for name in candidates.validation_auc:
        Predictor.load(output / name)


def test_the_chosen_one_has_the_best_validation_auc(trained):
    output, candidates = trained
    assert candidates.validation_auc[candidates.chosen] == max(candidates.validation_auc.values())
    assert Candidates.read(output) == candidates


def test_the_card_says_where_the_model_comes_from(trained, tiny_training_set, tiny_recipe):
    output, candidates = trained
    card, certificate = Card.read(output / candidates.chosen), read_dataset(tiny_training_set).certificate
    assert (card.dataset, card.certificate) == (certificate.dataset, certificate.digest)
    assert (card.code, card.commit, card.recipe_digest) == (CODE, "abc", tiny_recipe.digest)
    assert (card.classes, card.positive) == (("benign", "malignant"), "malignant")
    assert not card.leaking and not card.oracle
    assert card.validation["export_difference"] < 1e-3
    assert card.operating_point.sensitivity >= 0.95


def test_the_precision_is_that_which_the_measured_agreement_allows(trained, tiny_training_set):
    output, candidates = trained
    card = Card.read(output / candidates.chosen)
    if not knows_bf16():
        assert (card.precision, card.agreement) == ("f32", None)
        return
    assert card.agreement is not None and card.agreement.images == len(read_dataset(tiny_training_set).rows("validation"))
    allowed = card.agreement.largest_difference <= 0.01 and card.agreement.changed == 0
    assert card.precision == ("bf16" if allowed else "f32")


def test_the_reference_window_holds_the_validation_images_in_the_logs_form(trained, tiny_training_set):
    output, candidates = trained
    table = pq.read_table(output / candidates.chosen / "reference.parquet")
    assert table.schema.equals(PREDICTION_SCHEMA)
    assert table.num_rows == len(read_dataset(tiny_training_set).rows("validation"))
    assert table.column("group").to_pylist() == [f"g{index}" for index in range(table.num_rows)]  # each image is its own


def test_the_bundle_scores_the_validation_images_as_its_reference_says(trained, tiny_training_set):
    output, candidates = trained
    dataset, bundle = read_dataset(tiny_training_set), output / candidates.chosen
    scores = Predictor.load(bundle).scores(np.asarray(dataset.pixels[dataset.rows("validation")]))
    stored = np.array(pq.read_table(bundle / "reference.parquet").column("probabilities").to_pylist())
    np.testing.assert_allclose(scores.probabilities, stored, atol=1e-5)


def test_the_activation_map_averages_to_the_logit(trained, tiny_training_set):
    output, candidates = trained
    dataset = read_dataset(tiny_training_set)
    bundle = output / candidates.chosen
    card = Card.read(bundle).model_copy(update={"precision": "f32"})  # bf16 rounds the sum and the map apart
    scores = Predictor(card, "", OpenVinoGraph.load(bundle, card), read_reference(bundle)).scores(np.asarray(dataset.pixels[:4]))
    margin = scores.activation.mean(axis=(1, 2))
    logit = np.log(scores.probabilities) * card.temperature
    np.testing.assert_allclose(margin[:, 1] - margin[:, 0], logit[:, 1] - logit[:, 0], atol=1e-3)


def test_weights_of_another_network_are_refused_in_one_line(tiny_recipe, tmp_path):
    import keras

    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(tmp_path / "other.weights.h5")
    recipe = tiny_recipe.override({"backbone": "mobilenetv2", "image_size": "64"})
    with pytest.raises(InputError) as refused:
        networks.build(recipe, 2, weights=str(tmp_path / "other.weights.h5"), dropout=0.1, seed=0)
    assert "weights must be of mobilenetv2" in str(refused.value)
    assert "\n" not in str(refused.value)
