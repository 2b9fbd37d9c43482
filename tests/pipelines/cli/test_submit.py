"""`lobule submit` with the real client of KFP, against a server that checks every body by the API's own models (`kfp_server`)."""

import importlib.util
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from components.domain import presets
from components.domain.errors import InputError
from components.domain.recipe import Recipe
from pipelines import cluster_watch, health
from pipelines.cli.main import invoke
from pipelines.cluster_client import Cluster, UnreachableError
from pipelines.cluster_environment import ADDRESSES, task_environment
from pipelines.cluster_order import check_arguments, require_source, training_order
from pipelines.cluster_watch import follow
from pipelines.placement import Placement, Secret

spec = importlib.util.spec_from_file_location("kfp_server", Path(__file__).parents[1] / "kfp_server.py")
kfp_server = importlib.util.module_from_spec(spec)
sys.modules["kfp_server"] = kfp_server
spec.loader.exec_module(kfp_server)

DATA = ("--data", "s3://clinic/busi")
MLFLOW = ("--mlflow", "http://mlflow:5000")


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """No settings of whoever runs the tests."""
    names = [*ADDRESSES, *(f"KF_PIPELINES_{name}" for name in ("ENDPOINT", "UI_ENDPOINT", "TOKEN", "COOKIES", "NAMESPACE"))]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOBULE_ACTOR", "ada")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr(cluster_watch, "POLL_SECONDS", 0.01)


@pytest.fixture
def server():
    with kfp_server.running() as state:
        yield state


@pytest.fixture
def submit(server, capsys):
    """Submits to the server; returns exit code, standard output and standard error."""

    def run(*arguments: str):
        code = invoke(["submit", "--host", server.url, *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_run_is_started_with_its_arguments_in_its_experiment_and_its_address_is_printed(submit, server):
    code, out, err = submit(
        *DATA,
        *MLFLOW,
        "--experiment",
        "tuning",
        "--trials",
        "3",
        "--promote",
        "--service-account",
        "lobule",
        "--pipeline-root",
        "s3://kfp/x",
    )
    assert code == 0, err
    (run,), (experiment,) = server.runs, server.experiments
    assert out == f"run {run['display_name']}: {server.url}/#/runs/details/{run['run_id']}\n"
    assert (run["experiment_id"], experiment["display_name"]) == (experiment["experiment_id"], "tuning")
    assert (run["service_account"], run["runtime_config"]["pipeline_root"]) == ("lobule", "s3://kfp/x")
    arguments = run["runtime_config"]["parameters"]
    assert arguments["run"] == run["display_name"]
    assert arguments["run"].startswith("quickstart-")
    assert (arguments["source"], arguments["actor"], arguments["apply"], arguments["allow_leakage"]) == (
        "s3://clinic/busi",
        "ada",
        True,
        False,
    )
    assert Recipe.from_json(arguments["recipe"]) == presets.load("quickstart").override({"trials": "3"})
    assert f"lobule submit --watch {run['run_id']}" in err


def test_equal_pipelines_are_uploaded_once_whatever_they_are_run_with(submit, server):
    submit(*DATA, *MLFLOW)
    code, _, err = submit("--data", "s3://other/images", *MLFLOW)
    assert code == 0
    assert "is there already" in err
    (pipeline,), (version,) = server.pipelines, server.versions
    assert pipeline["display_name"] == "lobule-training"
    assert version["display_name"].startswith("sha256-")
    assert [run["pipeline_version_reference"]["pipeline_version_id"] for run in server.runs] == [version["pipeline_version_id"]] * 2
    submit(*DATA, *MLFLOW, "--memory", "32Gi")
    assert (len(server.pipelines), len(server.versions)) == (1, 2)


def test_waiting_tells_of_each_task_and_ends_well(submit):
    code, out, err = submit(*DATA, *MLFLOW, "--wait")
    assert code == 0, err
    told = [line.split(maxsplit=2)[1:] for line in err.splitlines() if line.startswith("  0:")]
    assert told == [[step, words] for step in ("ingest_version", "ingest", "train", "close") for words in ("begins", "done")]
    assert "lobule models" in out


def test_a_task_that_fails_is_named_with_its_reason_and_the_end_of_its_log(submit, server):
    server.fail = "ingest"
    lines = [*(f"line {number}" for number in range(50)), "[ingest] refused: the test split leaks: 3 images; keep them apart"]
    server.logs = {"lobule-training-x-system-container-impl-13": "\n".join(lines)}
    code, _, err = submit(*DATA, *MLFLOW, "--wait")
    assert code == 3
    assert err.splitlines()[-1] == "lobule: ingest failed: refused: the test split leaks: 3 images; keep them apart"
    assert "  ingest | line 49" in err
    assert "line 29" not in err


def test_without_a_log_the_reason_is_what_kubeflow_pipelines_says(submit, server):
    server.fail = "train"
    code, _, err = submit(*DATA, *MLFLOW, "--wait")
    assert (code, err.splitlines()[-1]) == (3, "lobule: train failed: Error (exit code 3)")


def test_an_earlier_run_is_watched_by_its_id(submit, server):
    submit(*DATA, *MLFLOW)
    before = len(server.requests)
    code, _, err = submit("--watch", server.runs[0]["run_id"])
    assert code == 0, err
    assert {call for call, _ in server.requests[before:]} == {"GET"}
    code, _, err = submit("--watch", "run-9")
    assert (code, err) == (2, f"lobule: there is no run run-9 at {server.url}; look at its list of runs\n")


def test_whoever_stops_looking_leaves_the_run_going_and_is_told_how_to_look_again(submit, server, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster_watch.time, "sleep", interrupted)
    code, _, err = submit(*DATA, *MLFLOW, "--wait")
    assert (code, err.splitlines()[-1]) == (130, "lobule: stopped looking; the run goes on: lobule submit --watch run-1")
    assert {path for call, path in server.requests if call == "POST"} == {
        *("/apis/v2beta1/experiments", "/apis/v2beta1/pipelines", "/apis/v2beta1/pipelines/upload_version", "/apis/v2beta1/runs")
    }


def test_a_server_that_is_restarted_meanwhile_does_not_end_the_watching(server):
    with_run = invoke(["submit", "--host", server.url, *DATA, *MLFLOW])
    assert with_run == 0
    cluster = Cluster(server.url)
    server.broken = 3
    assert follow(cluster, "run-1", lambda *_: None, poll=0.01).state == "SUCCEEDED"
    server.broken = 10**6
    with pytest.raises(UnreachableError, match=r"fails \(503 Service Unavailable: no healthy upstream\)"):
        follow(cluster, "run-1", lambda *_: None, poll=0.01, patience=0.1)


@pytest.mark.parametrize(("given", "expected"), [("0 6 * * 1", "0 0 6 * * 1"), ("30 0 6 * * 1", "30 0 6 * * 1")])
def test_a_schedule_starts_runs_that_name_themselves_and_see_the_source_as_it_is_then(submit, server, given, expected):
    code, out, err = submit(*DATA, *MLFLOW, "--schedule", given)
    assert code == 0, err
    (made,) = server.recurring
    assert made["trigger"]["cron_schedule"]["cron"] == expected
    assert (made["mode"], made["max_concurrency"], made["no_catchup"]) == ("ENABLE", 1, True)
    arguments = made["runtime_config"]["parameters"]
    assert arguments["run"] == ""
    assert "source_version" not in arguments
    assert out == f"schedule quickstart ({expected}): {server.url}/#/recurringrun/details/{made['recurring_run_id']}\n"
    assert server.runs == []


def test_the_monitoring_pipeline_is_scheduled_with_its_own_arguments(submit, server):
    options = ("--window", "1d", "--log-claim", "lobule-log/predictions", "--schedule", "0 6 * * *")
    code, _, err = submit("--pipeline", "monitoring", "--model", "lobule-ultrasound", *DATA, *MLFLOW, *options)
    assert code == 0, err
    arguments = server.recurring[0]["runtime_config"]["parameters"]
    assert (arguments["model"], arguments["source"], arguments["window_hours"]) == ("lobule-ultrasound", "s3://clinic/busi", 24.0)
    assert arguments["log_directory"] == "/lobule/predictions/predictions"
    assert server.pipelines[0]["display_name"] == "lobule-monitoring"


def test_a_token_is_sent_and_never_told(server, submit, monkeypatch, caplog):
    server.token = kfp_server.TOKEN
    code, _, err = submit(*DATA, *MLFLOW)
    assert (code, err) == (
        2,
        f"lobule: {server.url} refuses us (401); set KF_PIPELINES_TOKEN or KF_PIPELINES_COOKIES, or ask for the right to it\n",
    )
    monkeypatch.setenv("KF_PIPELINES_TOKEN", "wrong-secret")
    code, out, err = submit(*DATA, *MLFLOW)
    assert code == 2
    assert "wrong-secret" not in out + err + caplog.text
    monkeypatch.setenv("KF_PIPELINES_TOKEN", kfp_server.TOKEN)
    code, out, err = submit(*DATA, *MLFLOW, "--wait")
    assert code == 0, err
    assert kfp_server.TOKEN not in out + err + caplog.text


def test_the_token_of_a_pod_is_read_where_there_is_one(server, submit, monkeypatch, tmp_path):
    server.token = kfp_server.TOKEN
    (tmp_path / "token").write_text(kfp_server.TOKEN)
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    assert submit(*DATA, *MLFLOW)[0] == 0


def test_a_server_of_several_users_is_used_in_a_namespace(server, submit, monkeypatch):
    server.multi_user = True
    code, _, err = submit(*DATA, *MLFLOW)
    assert (code, err) == (
        2,
        f"lobule: {server.url} serves several users, each in a namespace, but none is named; set KF_PIPELINES_NAMESPACE or --namespace\n",
    )
    monkeypatch.setenv("KF_PIPELINES_NAMESPACE", "breast")
    assert submit(*DATA, *MLFLOW)[0] == 0
    assert submit(*DATA, *MLFLOW)[0] == 0
    assert [each["namespace"] for each in (*server.experiments, *server.pipelines)] == ["breast", "breast"]
    assert len(server.versions) == 1


def test_no_server_and_what_is_none_are_told_in_one_line(capsys):
    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Log in with Dex</html>")

        def log_message(self, *_):
            return

    page = HTTPServer(("127.0.0.1", 0), Page)
    Thread(target=page.serve_forever, daemon=True).start()
    for host, words in (
        ("http://127.0.0.1:9", "must be a Kubeflow Pipelines server that answers, but does not"),
        (f"http://127.0.0.1:{page.server_port}", "answers, but not as a Kubeflow Pipelines API"),
    ):
        assert invoke(["submit", "--host", host, *DATA, *MLFLOW]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"lobule: {host} ")
        assert words in said
        assert said.count("\n") == 1
    page.shutdown()
    page.server_close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*MLFLOW,), "every input of the pipeline must be given, but source is not; add --data"),
        ((*DATA,), "a run on a cluster needs an MLflow server, .* give --mlflow URL or set MLFLOW_TRACKING_URI, or --mlflow kfp"),
        (("--data", "/home/ada/BUSI", *MLFLOW), "a pod does not see the files of this machine, but got --data /home/ada/BUSI; put the"),
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


def test_addresses_of_this_machine_are_shared_and_its_embedded_stores_are_not(monkeypatch):
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
    server.token = kfp_server.TOKEN
    (check,) = health._cluster()
    assert not check.ok
    assert "refuses us (401)" in check.found


def test_a_path_on_the_shared_volume_is_seen_by_every_task():
    require_source("/lobule/images/busi")


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


def test_the_server_of_these_tests_refuses_what_is_none_of_the_models():
    kfp_server.checked({"display_name": "x"}, "V2beta1Run")
    for body in ({"display_name": "x", "unheard_of": 1}, {"runtime_config": {"parameters": {}, "more": 1}}):
        with pytest.raises(ValueError, match="not a V2beta1Run"):
            kfp_server.checked(body, "V2beta1Run")
