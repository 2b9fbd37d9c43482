"""The whole way against a team's server: train, promote, two who promote at once, roll back; nobody but the server sees the bucket."""

import importlib.util
import json
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
NAME = "lobule-histology"
TINY = ("--recipe", "quickstart", "--trials", "1", "--set", "epochs=2", "--set", "trial_epochs=1", "--set", "image_size=32")

spec = importlib.util.spec_from_file_location("servers_of_the_team", Path(__file__).with_name("servers.py"))
servers = importlib.util.module_from_spec(spec)
sys.modules["servers_of_the_team"] = servers
spec.loader.exec_module(servers)

TURN = """
import sys
from components.promote.ledger import Entry
from components.promote.turn import begin
from components.tracking.store import connect
from components.domain.errors import RefusedError
name, version, actor = sys.argv[1:]
connect()
turn = begin(name, actor=actor)
print("begun", flush=True)
sys.stdin.readline()
try:
    turn.end(Entry(name, "decide", version, turn.champion, version, "promote", actor=actor), run_id="")
    print("won")
except RefusedError as error:
    print(f"told: {error}")
"""

EVALUATED = """
import importlib.util, sys
from pathlib import Path
from components.evaluate.plots import PLOTS
from components.evaluate.record import log_report
from components.tracking.mlflow_tracker import open_run
spec = importlib.util.spec_from_file_location("evidence_of_the_team", sys.argv[1])
evidence = importlib.util.module_from_spec(spec)
spec.loader.exec_module(evidence)
for name, letter, wrong in (("made-up-good", "a", 20), ("made-up-better", "b", 0)):
    report, predictions = evidence.model(letter=letter, wrong=wrong)
    directory = evidence.write(Path(sys.argv[2]) / name, report, predictions)
    for file in ("report.html", *PLOTS):
        (directory / file).write_text("stand-in for a file that evaluation writes")
    with open_run(name) as tracker:
        log_report(report, directory, tracker)
"""


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    folder = tmp_path_factory.mktemp("team")
    (folder / "s3").mkdir()
    reason = servers.why_not(folder / "s3")
    if reason:
        pytest.skip(reason)
    try:
        servers.s3_server.install()
    except OSError as error:
        pytest.skip(str(error))
    with servers.running_team(folder, "ann", "bob") as running:
        yield running


@pytest.fixture(scope="module")
def lobule(team, tmp_path_factory):
    """Runs `lobule` as a user, each from a home of their own, as on a machine of their own."""
    homes = {user: tmp_path_factory.mktemp(user) / "home" for user in ("ann", "bob")}

    def run(user, *arguments, **settings):
        command = [sys.executable, "-c", "from pipelines.cli.main import main; main()", *map(str, arguments)]
        environment = team.client(user, homes[user], PYTHONPATH=str(ROOT), **settings)
        return subprocess.run(command, cwd=homes[user].parent, env=environment, capture_output=True, text=True, timeout=600)

    run.homes = homes
    return run


@pytest.fixture(scope="module")
def trained(lobule):
    """Ann trains a small model on a sample; the pipeline asks the gate."""
    sample = lobule.homes["ann"].parent / "sample"
    assert lobule("ann", "data", "sample", sample, "--images", "160", "--seed", "3").returncode == 0
    done = lobule("ann", "run", "--data", sample, *TINY, "--promote", LOBULE_SIGNING_KEY="ours")
    assert done.returncode in (0, 3), done.stderr[-3000:]  # so small a test split cannot tell
    return done


def history(lobule, user, **settings):
    done = lobule(user, "models", "--history", "--json", **settings)
    (ledger,) = json.loads(done.stdout)["history"]
    return done.returncode, ledger


def test_a_server_without_a_password_tells_its_health_and_nothing_else(team):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        servers.ask(team, "experiments/search", {"max_results": 1}, user=None)


def test_what_compose_runs_once_makes_the_bucket_and_the_user_and_may_run_again(team, tmp_path):
    composed = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())["services"]
    keys = {
        "AWS_ACCESS_KEY_ID": servers.s3_server.KEY,
        "AWS_SECRET_ACCESS_KEY": servers.s3_server.SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    store = {"AWS_ENDPOINT_URL_S3": team.bucket.meta.client.meta.endpoint_url, **keys}
    for name, given in (("bucket", store), ("member", {"MEMBER_PASSWORD": servers.PASSWORD})):
        for _ in range(2):
            script = [sys.executable, *composed[name]["entrypoint"][1:], *composed[name]["command"]]
            done = subprocess.run(script, env=team.client("admin", tmp_path, **given), cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    assert "mlflow" in [bucket["Name"] for bucket in team.bucket.meta.client.list_buckets()["Buckets"]]
    assert servers.ask(team, "experiments/search", {"max_results": 1}, user="service")


def test_the_pipeline_runs_and_its_artifacts_lie_in_the_bucket_that_clients_cannot_see(team, trained):
    keys = {item.key for item in team.bucket.objects.all()}
    assert any(key.startswith("team/") and key.endswith("bundle/card.json") for key in keys)
    for name in ("report.json", "certificate.json", "serve_check.json"):
        assert any(key.endswith(f"artifacts/{name}") for key in keys), name


def test_the_pipelines_decision_is_in_the_ledger_with_who_started_it(trained, lobule):
    code, ledger = history(lobule, "bob", LOBULE_SIGNING_KEY="ours")
    assert code == 0 and ledger["sound"]
    (entry,) = ledger["entries"]
    assert entry["actor"] == "ann" and entry["account"].endswith("as MLflow user ann") and entry["run"].startswith("quickstart-")
    assert entry["signed"] == "valid" and entry["outcome"] in ("promote", "cannot tell")


def test_bob_promotes_what_ann_trained_and_both_see_it(trained, lobule):
    done = lobule("bob", "promote", "--force", "--reason", "seen by bob")
    assert done.returncode == 0, done.stderr
    code, ledger = history(lobule, "ann")
    assert code == 0 and ledger["champion"] == "1" and ledger["reigns"][0]["version"] == "1"


def test_of_two_who_promote_at_once_one_wins_and_the_other_is_told(team, trained, lobule):
    env = {user: team.client(user, lobule.homes[user], PYTHONPATH=str(ROOT)) for user in ("ann", "bob")}
    for _ in range(2):
        copy = (
            "import mlflow; from components.tracking.store import connect; connect(); "
            f"print(mlflow.MlflowClient().copy_model_version('models:/{NAME}/1', '{NAME}').version)"
        )
        subprocess.run([sys.executable, "-c", copy], env=env["ann"], cwd=lobule.homes["ann"].parent, check=True, capture_output=True)
    both = [
        subprocess.Popen(
            [sys.executable, "-c", TURN, NAME, version, user],
            env=env[user], cwd=lobule.homes[user].parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for user, version in (("ann", "2"), ("bob", "3"))
    ]  # fmt: skip
    assert [process.stdout.readline() for process in both] == ["begun\n", "begun\n"]
    for process in both:  # both have read the same ledger; now they write at once
        process.stdin.write("\n")
        process.stdin.flush()
    said = sorted(process.communicate(timeout=120)[0].strip() for process in both)
    assert said[1] == "won" and "another was written first" in said[0] and "nothing was moved" in said[0], said
    code, ledger = history(lobule, "ann")
    assert code == 0 and [entry["state"] for entry in ledger["entries"]][-2:] == ["valid", "overtaken"]
    assert ledger["champion"] == ledger["entries"][-2]["champion_after"] in ("2", "3")


def test_a_rollback_restores_the_first_and_the_other_machine_sees_it(trained, lobule):
    done = lobule("ann", "rollback", "--reason", "false alarms")
    assert done.returncode == 0, done.stderr
    code, ledger = history(lobule, "bob")
    assert code == 0 and ledger["champion"] == "1" and ledger["entries"][-1]["action"] == "rollback"
    card = next((lobule.homes["ann"] / "cache" / "bundles").glob("*/card.json"))
    assert json.loads(card.read_text())["name"] == NAME


def test_bob_compares_two_runs_of_ann_and_the_page_lies_in_the_bucket(team, lobule, tmp_path):
    env = team.client("ann", lobule.homes["ann"], PYTHONPATH=str(ROOT))
    evidence = ROOT / "tests" / "components" / "promote" / "evidence.py"
    command = [sys.executable, "-c", EVALUATED, str(evidence), str(tmp_path)]
    made = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-3000:]
    listed = [row["run"] for row in json.loads(lobule("bob", "runs", "--json").stdout)["runs"]]
    assert listed.index("made-up-better") < listed.index("made-up-good")
    done = lobule("bob", "compare", "made-up-good", "made-up-better")
    assert done.returncode == 0, done.stderr
    assert "B is better than A in AUC, accuracy and sensitivity" in done.stdout
    address = done.stdout.splitlines()[-1]
    assert address.startswith(f"{team.uri}/#/compare-runs?runs=") and "lobule ui" not in done.stdout
    pages = [item.key for item in team.bucket.objects.all() if "/artifacts/compare/" in item.key]
    assert len(pages) == 2 and all(page.endswith(".html") for page in pages)  # with each of the two runs
