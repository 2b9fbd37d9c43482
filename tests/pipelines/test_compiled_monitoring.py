"""The compiled monitoring pipeline: what a cluster would be given."""

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

from components import images
from pipelines.compile import compile_monitoring
from pipelines.monitoring import Log
from pipelines.placement import Placement
from pipelines.steps import MONITORING, STEPS


def documents(path, **options):
    compile_monitoring(path, Placement(), parameters={"model": "lobule-histology"}, log=options.get("log", Log()))
    return list(yaml.safe_load_all(path.read_text()))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return documents(tmp_path_factory.mktemp("compiled") / "monitoring.yaml")[0]


def watching(compiled):
    return compiled["components"]["comp-exit-handler-1"]["dag"]["tasks"]


def test_it_parses_as_a_pipeline_specification_with_its_defaults(compiled):
    spec = json_format.ParseDict(compiled, PipelineSpec())
    assert spec.pipeline_info.name == "lobule-monitoring"
    defaults = {name: each.get("defaultValue") for name, each in compiled["root"]["inputDefinitions"]["parameters"].items()}
    assert (defaults["model"], defaults["window_hours"], defaults["apply"], defaults["source"]) == ("lobule-histology", 168.0, False, "")
    assert '"min_sensitivity"' in defaults["policy"]


def test_training_stands_behind_the_decision_and_everything_else_before_it(compiled):
    tasks = watching(compiled)
    (behind,) = [name for name in tasks if name.startswith("condition")]
    assert sorted({*tasks} - {behind}) == ["gather", "monitor", "retrain"]
    condition = tasks[behind]["triggerPolicy"]["condition"]
    assert condition == "inputs.parameter_values['pipelinechannel--retrain-Output'] == 'retrain'"
    inside = compiled["components"][tasks[behind]["componentRef"]["name"]]["dag"]["tasks"]
    assert sorted(inside) == ["lobule-training", "settle"]


def test_every_step_of_both_pipelines_has_a_pinned_image(compiled):
    executors = compiled["deploymentSpec"]["executors"]
    steps = {name.removeprefix("exec-").removesuffix("-2").replace("-", "_") for name in executors}
    assert steps == {*STEPS, *MONITORING, "close"}
    assert {each["container"]["image"] for each in executors.values()} == {images.TRAIN, f"{images.TRAIN}-cuda"}


def test_nothing_that_looks_at_the_log_or_claims_is_cached_and_a_claim_is_not_tried_again(compiled):
    tasks = watching(compiled)
    own = [tasks[name] for name in ("gather", "monitor", "retrain")]
    assert not any(task.get("cachingOptions", {}).get("enableCache") for task in own)
    assert ["retryPolicy" in task for task in own] == [True, True, False]


def test_the_log_is_mounted_from_a_claim_where_one_is_named(tmp_path):
    spec, platform = documents(tmp_path / "m.yaml", log=Log("lobule-log", "predictions"))
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert executors["exec-gather"]["pvcMount"][0]["mountPath"] == "/lobule/predictions"
    assert spec["root"]["inputDefinitions"]["parameters"]["log_directory"]["defaultValue"] == "/lobule/predictions/predictions"
