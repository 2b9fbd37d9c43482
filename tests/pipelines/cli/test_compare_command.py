"""`lobule compare` on a real MLflow store: what it names, says, writes, keeps and refuses."""

import importlib.util
import json
from pathlib import Path

import pytest

from pipelines.cli.main import invoke

NAME = "lobule-histology"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A store with a good and a better model of one data set, one of another, and a run that was never evaluated."""
    import mlflow

    from components.domain.names import CHAMPION, TAG_BUNDLE
    from components.domain.presets import load
    from components.evaluate.plots import PLOTS
    from components.evaluate.record import log_report
    from components.tracking.mlflow_tracker import open_run

    spec = importlib.util.spec_from_file_location("compare_evidence", Path(__file__).parents[2] / "components" / "promote" / "evidence.py")
    evidence = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(evidence)
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("MLFLOW_REGISTRY_URI", raising=False)
        patch.setenv("COLUMNS", "80")
        patch.setenv("LOBULE_HOME", str(folder / "store"))
        models = {"good-1": {"wrong": 20}, "better-2": {"letter": "b"}, "other-3": {"letter": "c", "images": 60}}
        for number, (run, model) in enumerate(models.items(), start=1):
            report, predictions = evidence.model(**model)
            directory = evidence.write(folder / run, report, predictions)
            for name in ("report.html", *PLOTS):
                (directory / name).write_text("stand-in for a file that evaluation writes")
            (directory / "recipe.json").write_text(load("quickstart").override({"epochs": str(number)}).to_json())
            with open_run(run) as tracker:
                log_report(report, directory, tracker)
                tracker.file(directory / "recipe.json")
            client = mlflow.MlflowClient()
            if number == 1:
                client.create_registered_model(NAME)
            client.create_model_version(NAME, str(directory), run_id=tracker.run_id, tags={TAG_BUNDLE: report.bundle})
        client.set_registered_model_alias(NAME, CHAMPION, "1")
        with open_run("never-evaluated"):
            pass
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


def test_it_says_which_is_better_and_where_the_page_is(run, home, tmp_path):
    page = tmp_path / "page.html"
    code, out, err = run("compare", "good-1", "better-2", "--html", str(page))
    assert code == 0 and not err and "\x1b" not in out
    assert "A  good-1" in out and "B  better-2" in out and "what differs: epochs 1 | 2" in out
    assert "B is better than A in AUC, accuracy and sensitivity. They cannot be told apart in specificity." in out
    assert "accuracy 0 to 20" in out and "They disagree on 20 of 200 images, the 12 widest apart here" in out
    assert "is better than" in page.read_text() and f"page: {page}" in out
    assert "start it with `lobule ui`" in out.splitlines()[-2] and "/#/compare-runs?runs=" in out.splitlines()[-1]


def test_the_page_is_kept_with_every_run_unless_it_is_not_wanted(run, home):
    import mlflow

    document = json.loads(run("compare", "better-2", "good-1", "--json")[1])
    for each in document["runs"]:
        assert document["artifact"] in [file.path for file in mlflow.MlflowClient().list_artifacts(each["run_id"], "compare")]
    assert "<!doctype html>" in mlflow.artifacts.load_text(f"runs:/{document['runs'][0]['run_id']}/{document['artifact']}")
    assert json.loads(run("compare", "better-2", "good-1", "--json", "--no-log")[1])["artifact"] is None


def test_json_is_one_document_with_every_image_of_disagreement(run, home):
    code, out, _ = run("compare", "good-1", "better-2", "--json", "--no-log", "--metric", "sensitivity", "--metric", "ece")
    document = json.loads(out)
    pair = document["pairs"][0]
    assert code == 0 and document["decided_by"] == ["sensitivity", "ece"] and document["images"] == document["groups"] == 200
    assert len(document["disagreements"]) == 20 and document["same_test_images"] is True
    assert pair["differ"] is True and pair["differences"]["sensitivity"]["interval"]["value"] == pytest.approx(0.2)
    assert pair["discordant"]["sensitivity"]["only_second"] == 20 and pair["differences"]["ece"]["test"] == "bootstrap"


@pytest.mark.parametrize("first", ["good", "@champion", f"{NAME}/1", f"{NAME}@champion"])
def test_a_run_goes_by_many_names(run, home, first):
    document = json.loads(run("compare", first, f"{NAME}/2", "--json", "--no-log")[1])
    assert [each["run"] for each in document["runs"]] == ["good-1", "better-2"]


def test_an_mlflow_id_is_a_name_too(run, home):
    runs = json.loads(run("compare", "good-1", "better-2", "--json", "--no-log")[1])["runs"]
    again = json.loads(run("compare", runs[0]["run_id"], runs[1]["run_id"][:12], "--json", "--no-log")[1])["runs"]
    assert again == runs


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["good-1"], "two runs or more, but got 1"),
        (["good-1", "nothing-9"], "there is no run 'nothing-9'"),
        (["good-1", "good"], "means good-1, which was named before"),
        (["good-1", "@nobody"], "has no @nobody"),
        (["good-1", f"{NAME}/9"], "there is no version 9"),
        (["good-1", "never-evaluated"], "must hold report.json to be compared, but never-evaluated (finished) does not"),
        (["good-1", "better-2", "--metric", "accurracy"], "there is no metric 'accurracy'"),
        (["good-1", "better-2", "--html", "/nowhere/page.html"], "--html must be a file that can be written"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(run, home, arguments, said):
    code, out, err = run("compare", *arguments, "--no-log")
    assert code == 2 and said in err and len(err.splitlines()) == 1 and not out


def test_other_test_images_are_said(run, home):
    code, out, _ = run("compare", "good-1", "other-3", "--no-log")
    assert code == 0 and "on the common 60 test images" in out and "NOTE  the test splits differ" in out


def test_an_empty_home_names_the_next_command(run, monkeypatch, tmp_path):
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code, _, err = run("compare", "a", "b")
    assert code == 2 and "start with `lobule run`" in err and not (tmp_path / "none").exists()


def test_help_teaches_with_examples(run):
    code, out, _ = run("compare", "--help")
    assert code == 0 and "Examples:" in out and "lobule compare @champion @challenger" in out
