"""`lobule run --data` on each kind of sample, to its end: the rules choose, a few settings make it fast."""

import json
import re

import pytest

from components.ingest.sample import write_sample

pytestmark = pytest.mark.slow
FAST = ("--trials", "1", "--seeds", "1", "--set", "epochs=2", "--set", "trial_epochs=1", "--set", "image_size=32")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of weights of the smallest published network."""
    import keras

    path = tmp_path_factory.mktemp("weights") / "some.weights.h5"
    keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
    return path


@pytest.mark.parametrize(
    ("kind", "pretrained", "model", "backbone", "fit", "flips"),
    [
        ("ultrasound", True, "lobule-ultrasound", "mobilenetv2", "stretch", "horizontal"),
        ("idc", False, "lobule-histology", "convnet", "stretch", "both"),
    ],
)
def test_a_sample_is_told_apart_trained_and_registered(kind, pretrained, model, backbone, fit, flips, shell, tmp_path, weights):
    write_sample(tmp_path / kind, kind, images=120, seed=0)
    more = ("--weights", weights, "--set", "fine_tune_epochs=1", "--set", "views=1") if pretrained else ("--weights", "none")
    done = shell("run", "--data", tmp_path / kind, *FAST, *more)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"{model}/1  recipe auto  @challenger", done.stdout)
    (recipe,) = shell.home.glob("pipeline/**/candidates/recipe.json")
    kept = json.loads(recipe.read_text())
    assert (kept["name"], kept["backbone"], kept["fit"], kept["augmentation"]["flips"]) == ("auto", backbone, fit, flips)
    (choices,) = shell.home.glob("pipeline/**/study/choices.json")
    assert [each["setting"] for each in json.loads(choices.read_text())["choices"]][:3] == ["task", "weights", "backbone"]


def test_what_was_chosen_can_be_compiled_for_a_cluster_and_the_choice_itself_cannot(shell, tmp_path):
    refused = shell("compile", "--recipe", "auto", "-o", tmp_path / "pipeline.yaml")
    assert refused.returncode == 2
    assert re.fullmatch(r"lobule: recipe auto is chosen for data on this machine, .*kept", refused.stderr.strip().splitlines()[-1])
    from components.domain.auto import choose
    from components.domain.auto_rules import RULES
    from components.domain.fingerprint import Fingerprint

    chosen = choose(RULES, Fingerprint("IDC", {"0": 900, "1": 300}), given={})
    (tmp_path / "recipe.json").write_text(chosen.recipe.to_json())
    done = shell("compile", "--recipe", tmp_path / "recipe.json", "-o", tmp_path / "pipeline.yaml")
    assert done.returncode == 0, done.stderr
    assert "lobule-histology" in (tmp_path / "pipeline.yaml").read_text()


def test_the_rules_are_shown_as_a_table_and_inspect_says_what_they_would_choose(shell, tmp_path):
    table = shell("recipes", "auto").stdout
    assert re.search(r"backbone +a file of weights is given +that of the file", table)
    write_sample(tmp_path / "data", "histology", images=60, seed=0)
    shown = shell("data", "inspect", tmp_path / "data")
    assert re.search(r"\nrecipe auto would train.*\n  task +histology +stained", shown.stdout)
    document = json.loads(shell("data", "inspect", tmp_path / "data", "--json").stdout)
    assert document["auto"]["fingerprint"]["layout"] == document["layout"]
    assert document["auto"]["choices"][0]["setting"] == "task"


def test_imagenet_out_of_reach_is_refused_before_any_work(shell, sample, tmp_path, monkeypatch):
    for name, value in (("KERAS_HOME", str(tmp_path / "none")), ("https_proxy", "http://127.0.0.1:9"), ("no_proxy", "")):
        monkeypatch.setenv(name, value)  # nobody listens there
    done = shell("run", "--data", sample, "--weights", "imagenet")
    assert done.returncode == 2
    assert re.fullmatch(
        r"lobule: weights imagenet must be downloaded once, but that failed \(.*\); name a file with --weights FILE, or none",
        done.stderr.strip().splitlines()[-1],
    )
    assert not (shell.home / "pipeline").exists()
