"""The compiled training pipeline: what a cluster would be given, read as KFP's own messages."""

import json

import pytest
import yaml
from google.protobuf import json_format
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

from components import images
from components.domain import presets
from components.domain.errors import InputError
from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_of
from pipelines.compile import compile_pipeline
from pipelines.placement import HOME, Placement, Pod, Secret, Toleration, memory_of
from pipelines.steps import STEPS

NAMES = [step.replace("_", "-") for step in STEPS]
EVERY = [*NAMES, "ingest-version", "close"]
TRAINING = ("tune", "train")
POD = Pod(
    gpu_image="registry.example.org/lobule-train:gpu",
    environment={"MLFLOW_TRACKING_URI": "http://mlflow:5000"},
    secrets=(Secret("s3", {"user": "AWS_ACCESS_KEY_ID"}), Secret("lobule", {"LOBULE_SIGNING_KEY": "LOBULE_SIGNING_KEY"}, optional=True)),
    node_selector={"pool": "gpu"},
    tolerations=(Toleration("nvidia.com/gpu", effect="NoSchedule"), Toleration("team", "breast")),
    pull_policy="Always",
    pull_secrets=("registry",),
    labels={"team": "breast"},
    timeout=3600,
)


def documents(path, recipe="ultrasound-mobilenetv2", **options):
    compile_pipeline(path, presets.load(recipe), Placement(**options))
    return list(yaml.safe_load_all(path.read_text()))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return documents(tmp_path_factory.mktemp("compiled") / "pipeline.yaml", gpus=2, pod=POD)


@pytest.fixture(scope="module")
def compiled(both):
    return both[0]


def tasks_of(compiled):
    root = compiled["root"]["dag"]["tasks"]
    return {**root, **compiled["components"]["comp-exit-handler-1"]["dag"]["tasks"]}


def executor_of(compiled, task):
    return compiled["deploymentSpec"]["executors"][f"exec-{task}"]["container"]


def pod_of(both, task):
    """Return a task's part of the platform specification; it must be one of KFP's own messages."""
    given = both[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"][f"exec-{task}"]
    return json_format.ParseDict(given, KubernetesExecutorConfig())


def test_it_parses_as_a_pipeline_specification(compiled):
    spec = json_format.ParseDict(compiled, PipelineSpec())
    assert spec.pipeline_info.name == "lobule-training"


def test_every_step_is_a_task_between_the_one_that_opens_the_run_and_the_one_that_closes_it(compiled):
    root, inside = compiled["root"]["dag"]["tasks"], compiled["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    assert sorted(inside) == sorted([*NAMES, "ingest-version"])
    assert sorted(root) == ["close", "exit-handler-1"]
    assert root["close"]["dependentTasks"] == ["exit-handler-1"]
    assert root["close"]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"


def test_the_run_and_the_version_of_the_source_come_from_the_task_that_sees_them(compiled):
    tasks = tasks_of(compiled)
    version = tasks["ingest"]["inputs"]["parameters"]["source_version"]["taskOutputParameter"]
    assert version == {"outputParameterKey": "Output", "producerTask": "ingest-version"}
    assert tasks["train"]["inputs"]["parameters"]["run"]["taskOutputParameter"]["producerTask"] == "ingest-version"


@pytest.mark.parametrize("task", EVERY)
def test_every_task_has_a_pinned_image_with_requests_and_limits(compiled, task):
    container = executor_of(compiled, task)
    assert container["image"] == (POD.gpu_image if task in TRAINING else images.TRAIN)
    for key in ("resourceCpuRequest", "resourceCpuLimit", "resourceMemoryRequest", "resourceMemoryLimit"):
        assert container["resources"][key]


@pytest.mark.parametrize("task", EVERY)
def test_only_training_tasks_ask_for_accelerators_and_their_nodes(both, task):
    accelerator = executor_of(both[0], task)["resources"].get("accelerator", {})
    expected = ("nvidia.com/gpu", "2") if task in TRAINING else (None, None)
    assert (accelerator.get("resourceType"), accelerator.get("resourceCount")) == expected
    pod = pod_of(both, task)
    assert dict(pod.node_selector.labels) == ({"pool": "gpu"} if task in TRAINING else {})
    tolerated = [(each.key, each.operator, each.value, each.effect) for each in pod.tolerations]
    assert tolerated == ([("nvidia.com/gpu", "Exists", "", "NoSchedule"), ("team", "Equal", "breast", "")] if task in TRAINING else [])


@pytest.mark.parametrize("task", EVERY)
def test_every_pod_has_addresses_secrets_labels_a_home_and_an_end(both, task):
    environment = {each["name"]: each["value"] for each in executor_of(both[0], task)["env"]}
    assert environment["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"
    assert environment["LOBULE_HOME"] == environment["HOME"] == HOME
    assert environment["LOBULE_EMBEDDED_STORES"] == "refused"
    pod = pod_of(both, task)
    assert [
        (each.secret_name, each.optional, [(key.secret_key, key.env_var) for key in each.key_to_env]) for each in pod.secret_as_env
    ] == [
        ("s3", False, [("user", "AWS_ACCESS_KEY_ID")]),
        ("lobule", True, [("LOBULE_SIGNING_KEY", "LOBULE_SIGNING_KEY")]),
    ]
    assert [(each.name, each.field_path) for each in pod.field_path_as_env] == [("KFP_RUN_ID", "metadata.labels['pipeline/runid']")]
    assert dict(pod.pod_metadata.labels) == {"app.kubernetes.io/name": "lobule", "app.kubernetes.io/component": task, "team": "breast"}
    assert [each.mount_path for each in pod.empty_dir_mounts] == [HOME]
    assert (pod.image_pull_policy, [each.secret_name for each in pod.image_pull_secret]) == ("Always", ["registry"])
    assert pod.active_deadline_seconds == 3600


def test_tasks_with_accelerators_take_the_image_with_nvidias_libraries_unless_one_is_named(tmp_path):
    compiled, *_ = documents(tmp_path / "p.yaml", gpus=1)
    assert {executor_of(compiled, task)["image"] for task in TRAINING} == {f"{images.TRAIN}-cuda"}
    compiled, *_ = documents(tmp_path / "p.yaml", gpus=1, pod=Pod(image="registry.example.org/mine:1"))
    assert {executor_of(compiled, task)["image"] for task in EVERY} == {"registry.example.org/mine:1"}


def test_a_volume_is_the_home_of_all_tasks(tmp_path):
    both = documents(tmp_path / "p.yaml", pod=Pod(volume="team", folder="lobule"))
    for task in EVERY:
        pod = pod_of(both, task)
        mounts = [(each.pvc_name_parameter.runtime_value.constant.string_value, each.mount_path, each.sub_path) for each in pod.pvc_mount]
        assert (mounts, list(pod.empty_dir_mounts)) == ([("team", HOME, "lobule")], [])


def test_no_secret_stands_in_the_compiled_pipeline(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "swordfish")
    compile_pipeline(tmp_path / "p.yaml", presets.load("quickstart"), Placement(pod=POD))
    assert "swordfish" not in (tmp_path / "p.yaml").read_text()


@pytest.mark.parametrize("task", EVERY)
def test_every_task_is_tried_again_with_a_growing_pause(compiled, task):
    policy = tasks_of(compiled)[task]["retryPolicy"]
    assert policy["maxRetryCount"] == 2
    assert policy["backoffFactor"] == 2.0


def test_what_looks_at_the_world_is_never_cached(compiled):
    tasks = tasks_of(compiled)
    cached = {task: bool(tasks[task].get("cachingOptions", {}).get("enableCache")) for task in EVERY}
    assert cached == {task: task not in ("promote", "ingest-version", "close") for task in EVERY}


def test_caching_and_retries_can_be_switched_off(tmp_path):
    tasks = tasks_of(documents(tmp_path / "p.yaml", "quickstart", retries=0, gpus=0, caching=False)[0])
    assert not any(tasks[task].get("cachingOptions", {}).get("enableCache") for task in EVERY)
    assert not any("retryPolicy" in tasks[task] for task in EVERY)


def test_its_default_recipe_is_the_one_named(compiled):
    default = compiled["root"]["inputDefinitions"]["parameters"]["recipe"]["defaultValue"]
    assert Recipe.from_json(default) == presets.load("ultrasound-mobilenetv2")
    assert json.loads(default)["image_size"] == 224


@pytest.mark.parametrize("task", ["ingest", "augment"])
def test_data_is_prepared_by_what_the_step_uses_of_the_recipe(compiled, task):
    given = tasks_of(compiled)[task]["inputs"]["parameters"]["recipe"]["componentInputParameter"]
    assert given.endswith(f"{task}_recipe")
    default = compiled["root"]["inputDefinitions"]["parameters"][f"{task}_recipe"]["defaultValue"]
    assert Recipe.from_json(default) == part_of(presets.load("ultrasound-mobilenetv2"), task)


@pytest.mark.parametrize(("recipe", "expected"), [("quickstart", "4Gi"), ("ultrasound-mobilenetv2", "12Gi"), ("histology-cnn512", "24Gi")])
def test_training_asks_for_memory_by_the_recipe(recipe, expected):
    assert memory_of(presets.load(recipe)) == expected


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Toleration("gpu", effect="Never"), "effect of a toleration must be one of NoSchedule"),
        (lambda: Toleration("", "x"), "must name the key of a taint"),
        (lambda: Pod(pull_policy="Sometimes"), "pull policy must be one of Always"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_here(made, message):
    with pytest.raises(InputError, match=message):
        made()


def test_workers_search_one_study_after_it_was_created_and_before_it_is_finished(tmp_path):
    compiled, *_ = documents(tmp_path / "pipeline.yaml", workers=3)
    tasks = tasks_of(compiled)
    tuning = {name: task for name, task in tasks.items() if task["componentRef"]["name"].startswith("comp-tune")}
    parts = {name: task["inputs"]["parameters"].get("part", {}).get("runtimeValue", {}).get("constant") for name, task in tuning.items()}
    (created,), workers = [name for name in parts if parts[name] == "create"], {name for name in parts if parts[name] == "work"}
    (last,) = parts.keys() - workers - {created}
    assert len(workers) == 3
    assert all(created in tasks[name]["dependentTasks"] for name in workers)
    assert workers <= set(tasks[last]["dependentTasks"])
    assert last in tasks["train"]["dependentTasks"]
