"""The published faces at a small size: each kind of schedule and head trains to a bundle that loads, with its Keras model beside it."""

import keras
import numpy as np
import pytest

from components.domain import presets
from components.domain.artifacts import read_dataset
from components.domain.study import write_best
from components.domain.tracking import NoTracker
from components.train.train import train_models
from serving.contract import Card
from serving.predictor import Predictor

pytestmark = pytest.mark.slow
SMALL = {"image_size": "32", "batch_size": "12", "precision": "f32"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of weights of the smallest backbone, so that it is frozen first."""
    path = tmp_path_factory.mktemp("weights") / "some.weights.h5"
    keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
    return str(path)


def odds(probabilities):
    return np.log(probabilities[:, 1]) - np.log(probabilities[:, 0])


@pytest.mark.parametrize(
    ("name", "changes", "pretrained"),
    [
        ("histology-cnn512:as_published", {"epochs": "2"}, False),
        ("cells-mobilenetv2:as_published", {"fine_tune_epochs": "1"}, True),
        ("idc-efficientnetb0:as_published", {"backbone": "mobilenetv2", "epochs": "1", "fine_tune_epochs": "1"}, True),
    ],
)
def test_a_published_face_trains_as_it_stands(name, changes, pretrained, weights, tiny_training_set, tmp_path):
    recipe = presets.load(name).override({**SMALL, **changes})
    write_best(tmp_path / "study", recipe)
    candidates = train_models(
        tiny_training_set,
        tmp_path / "study",
        tmp_path / "out",
        weights=weights if pretrained else None,
        code="sha256:" + "1" * 64,
        commit="abc",
        tracker=NoTracker(),
    )
    dataset, bundle = read_dataset(tiny_training_set), tmp_path / "out" / candidates.chosen
    pixels = np.asarray(dataset.pixels[dataset.rows("validation")])
    served = Predictor.load(bundle).scores(pixels).probabilities
    kept = keras.saving.load_model(bundle.with_name(f"{candidates.chosen}.keras")).predict_on_batch(pixels)
    np.testing.assert_allclose(odds(kept) / Card.read(bundle).temperature, odds(served), atol=1e-3)
    assert (tmp_path / "out" / f"{candidates.chosen}.h5").is_file() == recipe.save_h5
