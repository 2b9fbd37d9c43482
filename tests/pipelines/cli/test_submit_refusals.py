"""What could not work on a cluster, or would show a secret, is refused before anything is sent."""

import pytest

from components.domain import presets
from components.domain.errors import InputError
from pipelines import health
from pipelines.cluster_environment import task_environment
from pipelines.cluster_order import check_arguments, training_order
from pipelines.placement import Placement, Secret

DATA = ("--data", "s3://clinic/busi")
MLFLOW = ("--mlflow", "http://mlflow:5000")
TOKEN = "a-token"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*MLFLOW,), "every input of the pipeline must be given, but source is not; add --data"),
        ((*DATA,), "a run on a cluster needs an MLflow server, .* give --mlflow URL or set MLFLOW_TRACKING_URI, or --mlflow kfp"),
        (("--data", "/home/ada/BUSI", *MLFLOW), "a pod does not see the files of this machine, but got --data /home/ada/BUSI; put the"),
        (("--data", "/lobule/images/busi", *MLFLOW), "/lobule/images/busi must lie on a volume .* give --volume CLAIM"),
        (("--data", "sample:cats", *MLFLOW), "a pod does not see .* sample:cats"),
        ((*DATA, "--weights", "net.h5", "--recipe", "ultrasound-mobilenetv2", *MLFLOW), "--weights of a run on a cluster must be imagenet"),
        ((*DATA, "--mlflow", "http://localhost:5000"), "which is this machine's own address and none of a pod; .* --mlflow URL"),
        (
            (*DATA, "--mlflow", "https://ada:secret@mlflow"),
            "MLFLOW_TRACKING_URI holds a password, .* --secret SECRET:KEY=MLFLOW_TRACKING_URI",
        ),
        ((*DATA, *MLFLOW, "--env", "AWS_SECRET_ACCESS_KEY=secret"), "--env would show everybody .* give --secret SECRET:KEY=AWS_SECRET"),
        ((*DATA, *MLFLOW, "--env", "A B=c"), "--env must name a variable, but got 'A B'"),
        ((*DATA, *MLFLOW, "--workers", "4"), "4 workers search one study, .* LOBULE_OPTUNA_STORAGE is not set"),
        ((*DATA, *MLFLOW, "--memory", "lots"), "memory must be a number and K, M, G or T, .* but got 'lots'"),
        ((*DATA, *MLFLOW, "--node-selector", "gpu"), "--node-selector must be NAME=VALUE, but got 'gpu'"),
        ((*DATA, *MLFLOW, "--label", "team=breast unit"), "a label must be letters, digits"),
        ((*DATA, *MLFLOW, "--secret", "lobule:"), "--secret must be NAME or NAME:KEY"),
        ((*DATA, *MLFLOW, "--schedule", "daily"), "--schedule must have five fields, or six with seconds first, but got 'daily'"),
        ((*DATA, *MLFLOW, "--schedule", "0 6 * * 1", "--wait"), "--wait follows one run, but --schedule starts many"),
    ],
)
def test_what_could_not_work_there_is_refused_here_before_anything_is_sent(submit, server, arguments, message):
    code, out, err = submit(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    with pytest.raises(InputError, match=message):
        raise InputError(err)
    assert "secret@" not in err
    assert [path for call, path in server.requests if call == "POST"] == []


def test_addresses_of_this_machine_are_shared_and_its_embedded_stores_are_not(nobody, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://minio.kubeflow:9000")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////home/ada/mlflow.db")
    found = task_environment({"KERAS_BACKEND": "jax", "AWS_REGION": ""}, secrets=(), mlflow=None, workers=1)
    assert found == {"KERAS_BACKEND": "jax", "AWS_ENDPOINT_URL_S3": "http://minio.kubeflow:9000"}
    monkeypatch.setenv("LOBULE_OPTUNA_STORAGE", "postgresql://ada:secret@here/optuna")
    filled = (Secret("lobule", {"storage": "LOBULE_OPTUNA_STORAGE"}),)
    assert "LOBULE_OPTUNA_STORAGE" not in task_environment({}, secrets=filled, mlflow="kfp", workers=4)


def test_a_server_of_these_tests_is_found_by_the_doctor(server, monkeypatch):
    assert health._cluster() == []
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.url)
    (check,) = health._cluster()
    assert (check.ok, check.found) == (True, server.url)
    server.token = TOKEN
    (check,) = health._cluster()
    assert not check.ok
    assert "refuses us (401)" in check.found


def test_a_path_on_the_shared_volume_is_seen_by_every_task(submit, server):
    assert submit("--data", "/lobule/images/busi", *MLFLOW, "--volume", "team/lobule")[0] == 0
    assert server.runs[0]["runtime_config"]["parameters"]["source"] == "/lobule/images/busi"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nope": 3}, "an argument must be an input of the pipeline, but got 'nope'; it takes actor, allow_leakage,"),
        ({"apply": "yes"}, "argument apply must be boolean, but got 'yes'"),
        ({"source": True}, "argument source must be string, but got True"),
    ],
)
def test_arguments_are_checked_against_the_compiled_inputs(tmp_path, change, message):
    order = training_order(presets.load("quickstart"), source="sample:idc", weights=None, promote=False, allow_leakage=False)
    order.write(tmp_path / "p.yaml", Placement(), defaults=False)
    check_arguments(tmp_path / "p.yaml", order.arguments(scheduled=False))
    with pytest.raises(InputError, match=message):
        check_arguments(tmp_path / "p.yaml", {**order.arguments(scheduled=False), **change})


def test_the_server_of_these_tests_refuses_what_is_none_of_the_models(checked):
    checked({"display_name": "x"}, "V2beta1Run")
    for body in ({"display_name": "x", "unheard_of": 1}, {"runtime_config": {"parameters": {}, "more": 1}}):
        with pytest.raises(ValueError, match="not a V2beta1Run"):
            checked(body, "V2beta1Run")
