"""The compiled pipeline: what a cluster would be given."""

import json

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

from components import images
from components.domain import presets
from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_of
from pipelines.compile import compile_pipeline
from pipelines.steps import STEPS
from pipelines.training import Placement

NAMES = [step.replace("_", "-") for step in STEPS]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    compile_pipeline(path, presets.load("ultrasound-mobilenetv2"), Placement(gpus=2))
    return next(yaml.safe_load_all(path.read_text()))


def executor_of(compiled, task):
    return compiled["deploymentSpec"]["executors"][f"exec-{task}"]["container"]


def test_it_parses_as_a_pipeline_specification(compiled):
    spec = json_format.ParseDict(compiled, PipelineSpec())
    assert spec.pipeline_info.name == "lobule-training"


def test_every_step_is_a_task(compiled):
    assert sorted(compiled["root"]["dag"]["tasks"]) == sorted(NAMES)


@pytest.mark.parametrize("task", NAMES)
def test_every_task_has_a_pinned_image_and_resource_requests(compiled, task):
    container = executor_of(compiled, task)
    assert container["image"] == images.TRAIN
    assert container["resources"]["resourceCpuRequest"]
    assert container["resources"]["resourceMemoryRequest"]
    assert container["resources"]["resourceMemoryLimit"]


@pytest.mark.parametrize("task", NAMES)
def test_only_tune_and_train_ask_for_accelerators(compiled, task):
    accelerator = executor_of(compiled, task)["resources"].get("accelerator")
    expected = {"resourceType": "nvidia.com/gpu", "resourceCount": "2"} if task in ("tune", "train") else None
    assert (accelerator and {key: accelerator[key] for key in expected}) == expected


@pytest.mark.parametrize("task", NAMES)
def test_every_task_is_tried_again_with_a_growing_pause(compiled, task):
    policy = compiled["root"]["dag"]["tasks"][task]["retryPolicy"]
    assert policy["maxRetryCount"] == 2
    assert policy["backoffFactor"] == 2.0


def test_the_gate_alone_is_never_cached(compiled):
    cached = {task: bool(body.get("cachingOptions", {}).get("enableCache")) for task, body in compiled["root"]["dag"]["tasks"].items()}
    assert cached == {task: task != "promote" for task in NAMES}


def test_caching_and_retries_can_be_switched_off(tmp_path):
    compile_pipeline(tmp_path / "p.yaml", presets.load("quickstart"), Placement(retries=0, gpus=0, caching=False))
    tasks = next(yaml.safe_load_all((tmp_path / "p.yaml").read_text()))["root"]["dag"]["tasks"]
    assert not any(body.get("cachingOptions", {}).get("enableCache") for body in tasks.values())
    assert not any("retryPolicy" in body for body in tasks.values())


def test_its_default_recipe_is_the_one_named(compiled):
    default = compiled["root"]["inputDefinitions"]["parameters"]["recipe"]["defaultValue"]
    assert Recipe.from_json(default) == presets.load("ultrasound-mobilenetv2")
    assert json.loads(default)["image_size"] == 224


@pytest.mark.parametrize("task", ["ingest", "augment"])
def test_data_is_prepared_by_what_the_step_uses_of_the_recipe(compiled, task):
    assert compiled["root"]["dag"]["tasks"][task]["inputs"]["parameters"]["recipe"] == {"componentInputParameter": f"{task}_recipe"}
    default = compiled["root"]["inputDefinitions"]["parameters"][f"{task}_recipe"]["defaultValue"]
    assert Recipe.from_json(default) == part_of(presets.load("ultrasound-mobilenetv2"), task)
