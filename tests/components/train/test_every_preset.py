"""Every preset, as published and corrected, in few steps: from images in its layout to a bundle, its report and its Keras models."""

import shutil

import keras
import numpy as np
import pytest

from components.augment.augment import augment_dataset
from components.domain import presets
from components.domain.artifacts import read_dataset
from components.domain.study import write_best
from components.domain.tracking import NoTracker
from components.evaluate.evaluate import evaluate_model
from components.ingest.ingest import ingest_source
from components.ingest.sample import write_sample
from components.learning.backbones import PUBLISHED
from components.train.train import train_models
from serving.contract import Card
from serving.predictor import Predictor

pytestmark = pytest.mark.slow
FEW = {"epochs": 1, "fine_tune_epochs": 1, "fine_tune_layers": 40, "views": 1, "trials": 0, "seeds": 1, "batch_size": 12}
"""At most; a preset that asks for none of something gets none."""
TWINS = ("cells-densenet121", "cells-densenet121:as_published")
"""Differ from `cells-mobilenetv2` in the backbone alone."""
SMALLEST = "mobilenetv2"
"""Takes the place of every published backbone: the others are built and exported in `tests/components/learning`, which takes minutes."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Samples in the layouts of the published systems, by name: a folder of images each."""
    folder = tmp_path_factory.mktemp("samples")
    for kind in ("histology", "ultrasound", "idc"):
        write_sample(folder / kind, kind, images=72, seed=5)
    for label, short in (("benign", "B"), ("malignant", "M")):
        shutil.copytree(next((folder / "histology").rglob(label)), folder / "cells" / short)
        images = sorted((folder / "cells" / short).iterdir())
        patients = sorted({image.name.partition("_")[0] for image in images})
        for image in images:
            given = folder / "histology-cnn512" / ("test" if image.name.partition("_")[0] in patients[1::3] else "train") / label
            given.mkdir(parents=True, exist_ok=True)
            shutil.copy(image, given)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of weights as if they had learned, so that the backbone is frozen first."""
    path = tmp_path_factory.mktemp("weights") / "some.weights.h5"
    keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
    return str(path)


def few_steps(name):
    recipe = presets.load(name)
    few = {key: str(min(getattr(recipe, key), most)) for key, most in FEW.items()}
    backbone = SMALLEST if recipe.backbone in PUBLISHED else recipe.backbone
    return recipe.override({**few, "image_size": "32", "precision": "f32", "backbone": backbone})


def odds(probabilities):
    return np.log(probabilities[:, 1]) - np.log(probabilities[:, 0])


@pytest.mark.parametrize("name", [name for name in presets.every() if name not in TWINS])
def test_a_preset_goes_from_images_to_a_judged_bundle(name, sources, weights, tmp_path):
    recipe, base = few_steps(name), name.partition(":")[0]
    kind = base.partition("-")[0].replace("quickstart", "histology")
    source = next(path for part in (base, kind) if (path := sources / part).exists())
    dataset = tmp_path / "dataset"
    ingest_source(str(source), dataset, recipe=recipe, cache=tmp_path / "cache")
    augment_dataset(dataset, tmp_path / "training", recipe=recipe)
    write_best(tmp_path / "study", recipe)
    candidates = train_models(
        tmp_path / "training",
        tmp_path / "study",
        tmp_path / "out",
        weights=weights if recipe.backbone == SMALLEST else None,
        code="sha256:" + "1" * 64,
        commit="abc",
        tracker=NoTracker(),
    )
    report = evaluate_model(tmp_path / "out", dataset, tmp_path / "report", draws=50)

    bundle, data = tmp_path / "out" / candidates.chosen, read_dataset(tmp_path / "training")
    card = Card.read(bundle)
    assert report.leaking == card.leaking == ("as_published" in name)
    assert card.oracle == (":roi" in name)
    assert report.images == len(read_dataset(dataset).rows("test")) > 0
    pixels = np.asarray(data.pixels[data.rows("validation")])
    kept = keras.saving.load_model(bundle.with_name(f"{candidates.chosen}.keras")).predict_on_batch(pixels)
    np.testing.assert_allclose(odds(kept) / card.temperature, odds(Predictor.load(bundle).scores(pixels).probabilities), atol=1e-3)
    assert (tmp_path / "out" / f"{candidates.chosen}.h5").is_file() == recipe.save_h5
