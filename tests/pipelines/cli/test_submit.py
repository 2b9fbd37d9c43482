"""`lobule submit` with the real client of KFP, against a server that checks every body by the API's own models (`kfp_server`)."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from components.domain import presets
from components.domain.recipe import Recipe
from pipelines import cluster_watch
from pipelines.cli.main import invoke
from pipelines.cluster_client import Cluster
from pipelines.cluster_errors import UnreachableError
from pipelines.cluster_order import training_order
from pipelines.cluster_watch import follow
from pipelines.placement import Placement

DATA = ("--data", "s3://clinic/busi")
MLFLOW = ("--mlflow", "http://mlflow:5000")
TOKEN = "a-token"


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


@pytest.mark.parametrize("unseen", ["/pipelines", "/versions"])
def test_of_two_that_submit_at_once_the_slower_takes_what_the_faster_made(submit, server, tmp_path, unseen):
    submit(*DATA, *MLFLOW)
    (known,) = server.versions
    file = tmp_path / "pipeline.yaml"
    training_order(presets.load("quickstart"), source="", weights=None, promote=False, allow_leakage=False).write(
        file, Placement(), defaults=False
    )
    server.unseen = [unseen]
    found = Cluster(server.url).version(file, pipeline="lobule-training", name=known["display_name"], about="")
    assert found == (known["pipeline_id"], known["pipeline_version_id"], False)
    assert (server.unseen, len(server.versions)) == ([], 1)


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
    server.token = TOKEN
    code, _, err = submit(*DATA, *MLFLOW)
    assert (code, err) == (
        2,
        f"lobule: {server.url} refuses us (401); set KF_PIPELINES_TOKEN or KF_PIPELINES_COOKIES, or ask for the right to it\n",
    )
    monkeypatch.setenv("KF_PIPELINES_TOKEN", "wrong-secret")
    code, out, err = submit(*DATA, *MLFLOW)
    assert code == 2
    assert "wrong-secret" not in out + err + caplog.text
    monkeypatch.setenv("KF_PIPELINES_TOKEN", TOKEN)
    code, out, err = submit(*DATA, *MLFLOW, "--wait")
    assert code == 0, err
    assert TOKEN not in out + err + caplog.text


def test_the_token_of_a_pod_is_read_where_there_is_one(server, submit, monkeypatch, tmp_path):
    server.token = TOKEN
    (tmp_path / "token").write_text(TOKEN)
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


def test_no_server_and_what_is_none_are_told_in_one_line(nobody, capsys, caplog):
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
        ("http://127.0.0.1:9", "must answer as a Kubeflow Pipelines server, but does not"),
        (f"http://127.0.0.1:{page.server_port}", "answers, but not as a Kubeflow Pipelines API"),
    ):
        assert invoke(["submit", "--host", host, *DATA, *MLFLOW]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"lobule: {host} ")
        assert words in said
        assert said.count("\n") == 1
    assert caplog.text == ""
    page.shutdown()
    page.server_close()
