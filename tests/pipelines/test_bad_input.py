"""Bad input: one line with the remedy, the contract's exit code, and nothing half registered."""

import shutil

import numpy as np
import pytest
from PIL import Image

from pipelines.cli.main import COMMANDS


def write_images(folder, count, seed=0):
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for index in range(count):
        Image.fromarray(random.integers(0, 255, (48, 48, 3), dtype=np.uint8)).save(folder / f"{index}.png")


def refused(shell, *arguments):
    done = shell("run", *arguments)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2, done.stderr
    assert last.startswith("lobule: ")
    assert "Traceback" not in done.stderr
    assert not (shell.home / "mlflow.db").exists()
    return last


def test_an_empty_folder(shell, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "must hold images" in refused(shell, "--data", tmp_path / "empty")


def test_a_folder_that_is_not_there(shell, tmp_path):
    assert "there is no" in refused(shell, "--data", tmp_path / "nowhere")


def test_one_class_only(shell, tmp_path):
    write_images(tmp_path / "data" / "benign", 12)
    assert "two or more classes" in refused(shell, "--data", tmp_path / "data")


def test_a_class_with_two_images(shell, tmp_path):
    write_images(tmp_path / "data" / "benign", 12)
    write_images(tmp_path / "data" / "malignant", 2, seed=1)
    assert "malignant" in refused(shell, "--data", tmp_path / "data", "--weights", "none")


def test_classes_without_a_known_positive_one(shell, tmp_path):
    write_images(tmp_path / "data" / "cats", 12)
    write_images(tmp_path / "data" / "dogs", 12, seed=1)
    assert "--set 'positive=" in refused(shell, "--data", tmp_path / "data")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "epohcs=3"), "no setting 'epohcs'"),
        (("--recipe", "quickstrat"), "there is no recipe 'quickstrat'"),
        (("--set", "epochs=0", "--weights", "none"), "epochs must be at least 1"),
        (("--weights", "nowhere.h5"), "--weights must be imagenet, none, a file"),
    ],
)
def test_bad_usage_is_refused_before_anything_is_made(shell, sample, arguments, words):
    assert words in refused(shell, "--data", sample, *arguments)


def test_a_home_that_cannot_be_written(shell, tmp_path, sample):
    shell.home.write_text("a file where the directory should be")
    assert "LOBULE_HOME must be a directory that can be written" in refused(shell, "--data", sample)
    opened = shell("ui")
    assert (opened.returncode, len(opened.stderr.splitlines())) == (2, 1) and "LOBULE_HOME must be" in opened.stderr


def test_an_output_of_compile_that_cannot_be_written(shell, tmp_path):
    (tmp_path / "file").write_text("")
    done = shell("compile", "-o", tmp_path / "file" / "pipeline.yaml")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("lobule: -o must name a file that can be written")


def test_an_unknown_run_cannot_be_resumed(shell):
    assert "there is no run 'gone'" in refused(shell, "--resume", "gone")


def test_weights_of_another_network(shell, sample, tmp_path):
    import keras

    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(tmp_path / "other.weights.h5")
    arguments = ("--data", sample, "--recipe", "histology-mobilenetv2", "--weights", tmp_path / "other.weights.h5")
    assert "weights must be of mobilenetv2 without its top, 2,257,984 numbers, but" in refused(shell, *arguments)


@pytest.mark.slow
def test_an_unreadable_image_is_left_out_and_named(shell, sample, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(sample, copy)
    (copy / "benign" / "p99_001.png").write_bytes(b"\x89PNG broken")
    inspected = shell("data", "inspect", copy)
    assert inspected.returncode == 3
    assert "p99_001.png" in inspected.stdout


def test_help_answers_and_lists_every_command(shell):
    said = shell("--help").stdout
    assert [name for name in COMMANDS if f"\n  {name} " not in said] == []
