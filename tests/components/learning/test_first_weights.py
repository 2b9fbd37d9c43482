"""First weights: which network a file is of, where Keras keeps those of ImageNet, and the figures by which both are told."""

import math
import os
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import pytest
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group
from keras.src.utils import file_utils

from components.domain import presets
from components.domain.errors import InputError
from components.domain.networks import NETWORKS, SIDE, network_of
from components.learning import backbones, imagenet
from components.learning.network import body
from components.learning.weights import numbers_in

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "weights"


def saved(folder, name, suffix):
    path = folder / f"{name}{suffix}"
    getattr(keras.applications, backbones.PUBLISHED[name].builder)(include_top=False, weights=None, input_shape=(96, 96, 3)).save_weights(
        path
    )
    return path


def backbone_of(file):
    return network_of(numbers_in(file) or 0)


def test_a_file_of_mobilenetv2_is_known_by_its_numbers(tmp_path):
    assert backbone_of(saved(tmp_path, "mobilenetv2", ".weights.h5")) == "mobilenetv2"


@pytest.mark.skipif(not REAL.is_dir(), reason="no real weights beside the project")
def test_real_weights_are_known():
    assert [backbone_of(file) for file in sorted(REAL.glob("*.h5"))] == ["mobilenetv2"]


def test_a_file_of_no_such_network_is_none(tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "text.h5").write_text("no weights")
    assert backbone_of(tmp_path / "other.weights.h5") is None
    assert backbone_of(tmp_path / "text.h5") is None


@pytest.mark.slow
def test_a_file_in_the_older_format_is_known_too(tmp_path):
    network = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(96, 96, 3))
    with h5py.File(tmp_path / "old.h5", "w") as file:
        save_weights_to_hdf5_group(file, network)
    assert backbone_of(tmp_path / "old.h5") == "efficientnetb0"


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_the_figures_of_a_network_are_those_of_keras_and_its_file_is_known(name, tmp_path):
    network = body(backbones.build(name, SIDE, None))
    maps = sum(math.prod(layer.output.shape[1:]) for layer in network.layers if not isinstance(layer, keras.layers.InputLayer))
    figures = NETWORKS[name]
    assert abs(network.count_params() - figures.parameters) <= 16
    assert abs(sum(bool(layer.weights) for layer in network.layers) - figures.layers) <= 1
    assert maps * 4 / 2**20 == pytest.approx(figures.activations, rel=0.01)
    network.save_weights(tmp_path / "some.weights.h5")
    assert backbone_of(tmp_path / "some.weights.h5") == (name if name in backbones.PUBLISHED else None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"), [("mobilenetv2", 96), ("mobilenetv2", 320), ("efficientnetb0", 96), ("densenet121", 96), ("inceptionv3", 96)]
)
def test_keras_keeps_its_weights_where_they_are_looked_for(name, size, tmp_path, monkeypatch):
    """Keras is asked for weights that are not there, and stopped when it names the file."""

    def asked(fname, *_, cache_subdir, **options):
        raise FileNotFoundError(f"{cache_subdir}/{fname}")

    monkeypatch.setattr(file_utils, "get_file", asked)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError) as where:
        backbones.build(name, size, "imagenet")
    assert imagenet.kept_file(name, size) == tmp_path / str(where.value)


@pytest.mark.slow
def test_a_process_takes_the_weights_from_the_folder_that_it_is_handed_without_a_network(tmp_path):
    network = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(96, 96, 3))
    (tmp_path / "models").mkdir()
    with h5py.File(tmp_path / "models" / imagenet.kept_file("mobilenetv2", 96).name, "w") as file:
        save_weights_to_hdf5_group(file, network)
    code = "from components.learning.backbones import build; print(build('mobilenetv2', 96, 'imagenet').get_weights()[0].sum())"
    handed = {"KERAS_HOME": str(tmp_path), "HOME": "/not/there", "https_proxy": "http://127.0.0.1:9", "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], env=handed, capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(float(network.get_weights()[0].sum()), rel=1e-5)


def test_weights_that_are_here_need_no_network_and_others_are_refused_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(imagenet, "HOST", "http://127.0.0.1:9")  # nobody listens on the port of `discard`
    assert not imagenet.any_kept()
    with pytest.raises(
        InputError, match=r"weights imagenet must be downloaded once, .*does not answer\); name a file with --weights FILE, or"
    ):
        imagenet.bring("mobilenetv2", 160)
    kept = imagenet.kept_file("mobilenetv2", 160)
    kept.parent.mkdir()
    whole = saved(tmp_path, "mobilenetv2", ".weights.h5").read_bytes()
    kept.write_bytes(whole[:-1000])
    with pytest.raises(InputError, match=rf"must be a whole HDF5 file, but {kept} is damaged; remove it, and it is downloaded again"):
        imagenet.bring("mobilenetv2", 160)
    kept.write_bytes(whole)
    imagenet.bring("mobilenetv2", 160)
    assert imagenet.any_kept()
    recipe = presets.load("ultrasound-mobilenetv2").override({"image_size": "320", "downscale": "2", "search.backbone": '["mobilenetv2"]'})
    imagenet.bring_for(recipe)
    with pytest.raises(InputError, match="must be downloaded once"):
        imagenet.bring_for(recipe.override({"search.downscale": "[1]"}))
    imagenet.bring_for(presets.load("quickstart"))
