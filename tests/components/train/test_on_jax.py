"""A recipe on the JAX back end: trained, cut off, gone on with, exported."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from components.domain.artifacts import read_dataset
from components.domain.study import write_best
from components.learning.scores import softmax
from serving.contract import Card
from serving.openvino_graph import OpenVinoGraph

CODE = """
import json
import sys
from pathlib import Path
import keras
import numpy as np
from components.domain.artifacts import read_dataset
from components.domain.tracking import NoTracker
from components.learning import fit
from components.train.train import train_models

assert keras.backend.backend() == "jax"
study, training_set, output, kept = map(Path, sys.argv[1:5])
save = fit.save

def cut_off(path, model, progress):
    save(path, model, progress)
    if len(progress.history) == 2:
        raise KeyboardInterrupt

if sys.argv[5] == "cut off":
    fit.save = cut_off
train_models(
    training_set, study, output, weights=None, code="sha256:" + "1" * 64, commit="abc", tracker=NoTracker(), checkpoints=kept
)
data = read_dataset(training_set)
pixels = np.asarray(data.pixels[data.rows("validation")])
model = keras.saving.load_model(output / "seed-0.keras")
print(json.dumps(np.asarray(model.predict_on_batch(pixels)).tolist()))
"""


def train(tmp_path, training_set, *, to: str, end: str = "") -> subprocess.CompletedProcess[str]:
    paths = [str(path) for path in (tmp_path / "study", training_set, tmp_path / to, tmp_path / f"{to} kept")]
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    return subprocess.run([sys.executable, "-c", CODE, *paths, end], env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_a_recipe_trains_on_jax_and_goes_on_after_an_interruption_to_the_same_bundle(tiny_recipe, tiny_training_set, tmp_path):
    write_best(tmp_path / "study", tiny_recipe.override({"seeds": "1", "epochs": "3", "precision": "f32"}))
    whole = train(tmp_path, tiny_training_set, to="whole")
    assert whole.returncode == 0, whole.stderr
    cut_off = train(tmp_path, tiny_training_set, to="parts", end="cut off")
    assert "KeyboardInterrupt" in cut_off.stderr
    assert list((tmp_path / "parts kept").rglob("*.npz"))
    gone_on = train(tmp_path, tiny_training_set, to="parts")
    assert gone_on.returncode == 0, gone_on.stderr
    scores = np.array(json.loads(whole.stdout.splitlines()[-1]))
    np.testing.assert_array_equal(np.array(json.loads(gone_on.stdout.splitlines()[-1])), scores)

    data, bundle = read_dataset(tiny_training_set), tmp_path / "whole" / "seed-0"
    served = OpenVinoGraph.load(bundle, Card.read(bundle)).run(np.asarray(data.pixels[data.rows("validation")]))
    np.testing.assert_allclose(softmax(served.logits), scores, atol=1e-5)
