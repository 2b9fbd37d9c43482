"""`lobule models` and `promote` on a real MLflow store with three runs."""

import importlib.util
import json
from pathlib import Path

import pytest

from pipelines.cli.main import invoke

NAME = "lobule-histology"


@pytest.fixture(scope="module")
def patch():
    patch = pytest.MonkeyPatch()
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    patch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    patch.setenv("COLUMNS", "80")  # a table is never cut
    yield patch
    patch.undo()


@pytest.fixture(scope="module")
def evidence():
    spec = importlib.util.spec_from_file_location("cli_evidence", Path(__file__).parents[2] / "components" / "promote" / "evidence.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def home(patch, evidence, tmp_path_factory):
    """A store with a good, a better and a leaking model, each from its own run, and a run that failed before it was evaluated."""
    import mlflow

    from components.domain.names import CHALLENGER, TAG_BUNDLE, TAG_LEAKING, TAG_RECIPE, TAG_RUN
    from components.evaluate.plots import PLOTS
    from components.evaluate.record import log_report
    from components.tracking.mlflow_tracker import open_run

    folder = tmp_path_factory.mktemp("home")
    patch.setenv("LOBULE_HOME", str(folder / "store"))
    models = {"good": {"wrong": 10, "letter": "a"}, "better": {"letter": "b"}, "leaking": {"letter": "c", "leaking": True}}
    for number, (run, model) in enumerate(models.items(), start=1):
        report, predictions = evidence.model(**model)
        directory = evidence.write(folder / run, report, predictions)
        for name in ("report.html", *PLOTS):
            (directory / name).write_text("stand-in for a file that evaluation writes")
        with open_run(run) as tracker:
            log_report(report, directory, tracker)
            for name in ("certificate.json", "certified.parquet", "serve_check.json"):
                tracker.file(directory / name)
            with tracker.child("seed-0") as child:
                child.metrics({"test/auc": 0.99})
        client = mlflow.MlflowClient()
        if number == 1:
            client.create_registered_model(NAME)
        tags = {
            TAG_BUNDLE: report.bundle,
            TAG_LEAKING: str(report.leaking).lower(),
            TAG_RECIPE: "quickstart",
            TAG_RUN: run,
        }
        client.create_model_version(NAME, str(directory), run_id=tracker.run_id, tags=tags)
    client.set_registered_model_alias(NAME, CHALLENGER, "1")
    with pytest.raises(ZeroDivisionError), open_run("broken"):
        _ = 1 / 0
    yield folder / "store"
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


@pytest.fixture
def run(capsys):
    def invoked(*arguments: str) -> tuple[int, str, str]:
        code = invoke(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return invoked


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["runs"], 0, "Start one: lobule run"),
        (["runs", "--recipe", "quickstart"], 0, "lobule run --recipe quickstart"),
        (["models"], 0, "Train one: lobule run"),
        (["models", "--history"], 0, "Train one: lobule run"),
        (["promote"], 2, "train one with `lobule run`"),
        (["rollback", "--reason", "x"], 2, "train one with `lobule run`"),
    ],
)
def test_an_empty_home_names_the_next_command_and_stays_empty(run, monkeypatch, tmp_path, arguments, code, said):
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    found, out, err = run(*arguments)
    assert found == code and said in out + err
    assert not (tmp_path / "none").exists()


def test_an_empty_home_is_valid_json(run, monkeypatch, tmp_path):
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert json.loads(run("runs", "--json")[1])["runs"] == [] and json.loads(run("models", "--json")[1]) == {"models": []}


def test_versions_are_listed_with_interval_and_leak_mark(run, home):
    code, out, _ = run("models")
    rows = {line.split()[1]: line for line in out.splitlines() if line.startswith(NAME)}
    assert code == 0 and set(rows) == {"1", "2", "3"}
    assert "@challenger" in rows["1"] and "[" in rows["1"] and "LEAKS" in rows["3"]


def test_one_model_is_found_by_name_and_an_unknown_one_is_not(run, home):
    assert len(json.loads(run("models", "--model", NAME, "--json")[1])["models"]) == 3
    assert run("models", "--model", "lobule-none")[0] == 2


def test_the_way_of_a_promotion(run, home):
    assert run("promote", "--dry-run")[0] == 0
    assert "There is no @champion yet" in run("models")[1]
    code, out, _ = run("promote", "--reason", "first")
    assert code == 0 and "compared with nothing" in out and "It is @champion" in out
    assert "compared with the champion, version 1, bundle sha256:aaaaaaaaaaaa\n" in run("promote", "2", "--dry-run")[1]
    code, out, _ = run("promote", "2", "--json")
    assert code == 0 and json.loads(out)["champion"] is True and json.loads(out)["differences"]["auc"]["value"] > 0
    code, out, err = run("promote", f"{NAME}/3")
    assert code == 3 and "reject" in out and "The champion stays" in out
    assert not err
    code, out, err = run("promote", "3", "--force", "--reason", "please")
    assert code == 3 and "never champion" in err and not out
    code, out, _ = run("promote", "@challenger")
    assert code == 3 and "wholly below the margin" in out
    assert [row["version"] for row in json.loads(run("models", "--json")[1])["models"] if "champion" in row["aliases"]] == ["2"]
    history = run("models", "--history")[1]
    assert "champion none -> 1" in history and "champion 1 -> 2" in history and "champion stays 2" in history
    (ledger,) = json.loads(run("models", "--history", "--json")[1])["history"]
    assert ledger["sound"] and [entry["outcome"] for entry in ledger["entries"]] == ["promote", "promote", "reject", "reject"]
    assert [reign["version"] for reign in ledger["reigns"]] == ["1", "2"] and ledger["champion"] == "2"


def test_the_history_answers_who_was_champion_when(run, home):
    before, since = json.loads(run("models", "--history", "--json")[1])["history"][0]["reigns"]
    assert "version 2 was champion" in run("models", "--at", since["since"])[1] and since["until"] is None
    assert "version 1 was champion" in run("models", "--at", before["since"])[1] and before["until"] == since["since"]
    code, out, _ = run("models", "--at", "2020-01-01")
    assert code == 0 and out == f"{NAME} had no champion at 2020-01-01 23:59:59 UTC.\n"
    assert json.loads(run("models", "--at", before["since"], "--json")[1])["history"][0]["at"]["version"] == "1"
    assert run("models", "--at", "yesterday")[0] == 2


def test_a_ledger_is_listed_nowhere_as_a_model(run, home):
    assert {row["name"] for row in json.loads(run("models", "--json")[1])["models"]} == {NAME}


def test_an_alias_moved_behind_its_back_and_a_rewritten_entry_are_shown_loudly(run, home):
    import mlflow

    from components.promote.ledger_store import TAG_ENTRY, ledger_name

    client = mlflow.MlflowClient()
    client.set_registered_model_alias(NAME, "champion", "1")
    code, _, err = run("models", "--history")
    assert code == 3 and "DOES NOT HOLD" in err and "is version 1, but the ledger says version 2 since entry 4" in err
    code, out, err = run("models")  # whoever only lists them sees it too
    assert code == 0 and f"@champion of {NAME} is version 1, but the ledger says version 2" in err and len(err.splitlines()) == 1
    assert json.loads(run("models", "--json")[1])["models"]
    client.set_registered_model_alias(NAME, "champion", "2")
    assert run("models", "--history")[0] == 0
    text = client.get_model_version(ledger_name(NAME), "2").tags[TAG_ENTRY]
    client.set_model_version_tag(ledger_name(NAME), "2", TAG_ENTRY, text.replace('"promote"', '"reject"'))
    code, out, err = run("models", "--history")
    assert code == 3 and "entry 3 does not follow entry 2" in err and "[BROKEN]" in out
    assert json.loads(run("models", "--history", "--json")[1])["history"][0]["sound"] is False
    assert "or go on with --to VERSION" in run("rollback", "--reason", "a try")[2]
    assert "or go on with --force --reason TEXT" in run("promote", "1")[2]
    client.set_model_version_tag(ledger_name(NAME), "2", TAG_ENTRY, text)
    assert run("models", "--history")[0] == 0 and run("models")[2] == ""


def test_a_rollback_to_what_does_not_serve_is_refused(run, home):
    code, out, err = run("rollback", "--reason", "a try")  # these versions are reports without a model
    assert code == 3 and "must serve, but version 1" in err and len(err.splitlines()) == 1 and not out
    assert run("rollback")[0] == 2 and run("rollback", "--to", "one", "--reason", "x")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["promote", "seven"], "must be a number"),
        (["promote", "9"], "there is no version '9'"),
        (["promote", "@nobody"], "has no @nobody"),
        (["promote", "--model", "lobule-none", "1"], "there is no"),
        (["promote", f"{NAME}/1", "--model", "lobule-none"], "name two"),
        (["promote", "3", "--force"], "must say why"),
        (["promote", "3", "--forced"], "No such option '--forced'"),
        (["rollback"], "Missing option '--reason'; see `lobule rollback --help`"),
        (["promoted"], "No such command 'promoted'; see `lobule --help`"),
        (["promote", "1", "--policy", "/nowhere/policy.toml"], "/nowhere/policy.toml"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(run, home, arguments, said):
    code, out, err = run(*arguments)
    assert code == 2 and said in err and len(err.splitlines()) == 1 and not out


@pytest.mark.parametrize("name", ["runs", "models", "promote", "rollback"])
def test_help_teaches_with_examples(run, name):
    code, out, _ = run(name, "--help")
    assert code == 0 and f"lobule {name}" in out and "Examples:" in out
