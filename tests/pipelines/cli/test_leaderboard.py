"""`lobule runs` on a real MLflow store: what ranks against what, and what is shown of it."""

import dataclasses
import importlib.util
import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from components.domain.errors import InputError
from components.domain.report import Interval
from pipelines.cli.main import invoke


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A run on other test images with too few groups; a good, a better and a leaking one; one that failed before it was evaluated."""
    import mlflow

    from components.evaluate.plots import PLOTS
    from components.evaluate.record import log_report
    from components.tracking.mlflow_tracker import open_run

    spec = importlib.util.spec_from_file_location("board_evidence", Path(__file__).parents[2] / "components" / "promote" / "evidence.py")
    evidence = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(evidence)
    folder = tmp_path_factory.mktemp("home")
    models = {
        "other": {"letter": "d", "images": 30, "test": "u"},
        "good": {"wrong": 10, "letter": "a"},
        "better": {"letter": "b"},
        "leaking": {"letter": "c", "leaking": True},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("MLFLOW_REGISTRY_URI", raising=False)
        patch.setenv("COLUMNS", "80")  # a table is never cut
        patch.setenv("LOBULE_HOME", str(folder / "store"))
        for run, model in models.items():
            report, predictions = evidence.model(**model)
            test, data = ("u", "e") if run == "other" else ("t", "d")
            report = dataclasses.replace(report, test=evidence.digest(test), dataset=evidence.digest(data))
            if run == "other":
                few = report.metrics | {"auc": Interval(0.5, 0.0, 1.0)}
                report = dataclasses.replace(report, metrics=few, seeds={"auc": [0.5]})
            if run == "good":
                report = dataclasses.replace(report, seeds={"auc": [0.9, 0.92, 0.94]})
            directory = evidence.write(folder / run, report, predictions)
            for name in ("report.html", *PLOTS):
                (directory / name).write_text("stand-in for a file that evaluation writes")
            with open_run(run) as tracker:
                log_report(report, directory, tracker)
                with tracker.child("seed-0") as child:
                    child.metrics({"test/auc": 0.99})
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


def test_the_leaderboard_ranks_honest_runs_first_and_leaves_out_seeds(run, home):
    code, out, _ = run("runs", "--json")
    document = json.loads(out)
    assert code == 0 and [(row["run"], row["rank"]) for row in document["runs"]] == [
        ("better", 1),
        ("good", 2),
        ("leaking", None),
        ("other", 1),
        ("broken", None),
    ]
    better = document["runs"][0]
    assert better["metrics"]["auc"] == {"value": 1.0, "low": 1.0, "high": 1.0} and (better["seeds"], better["status"]) == (1, "finished")
    assert document["runs"][4]["status"] == "failed" and document["runs"][4]["metrics"] == {}
    ids = json.loads(unquote(document["compare"]).partition("runs=")[2].partition("&")[0])
    assert ids == [row["run_id"] for row in document["runs"][:3]]


def test_a_run_ranks_by_the_mean_over_its_seeds(run, home):
    rows = {row["run"]: row for row in json.loads(run("runs", "--json")[1])["runs"]}
    assert rows["good"]["over_seeds"]["auc"] == {"mean": pytest.approx(0.92), "std": pytest.approx(0.02)}
    out = run("runs")[1]
    assert "0.920 +- 0.020" in next(line for line in out.splitlines() if line.rstrip().endswith(" good"))
    assert "one seed" in next(line for line in out.splitlines() if line.rstrip().endswith(" better"))


def test_lower_is_better_where_it_is(run, home):
    rows = json.loads(run("runs", "--json", "--sort", "log_loss")[1])["runs"]
    values = [row["metrics"]["log_loss"]["value"] for row in rows if row["rank"] and row["run"] != "other"]
    assert values == sorted(values) and len(values) == 2


def test_metrics_of_abstention_and_of_patients_rank_in_their_own_direction():
    from pipelines.cli.leaderboard import Row, boards

    def row(run, **figures):
        metrics = {name: Interval(value, value, value) for name, value in figures.items()}
        return Row(run, run, None, "", "finished", metrics, {}, 1, 1, 9, 9, False, False, "d", "t", 0.0, 1.0)

    rows = [
        row("first", aurc=0.3, patient_ece=0.1, coverage=0.9),
        row("second", aurc=0.1, patient_ece=0.2, coverage=0.8),
        row("old", auc=1.0),
    ]
    for metric, best in (("aurc", "second"), ("patient_ece", "first"), ("coverage", "first")):
        (board,) = boards(rows, metric)
        assert (board.rows[0].run, board.rows[-1].run) == (best, "old"), metric
        assert [each.ranks(metric) for each in board.rows] == [True, True, False]
    with pytest.raises(InputError, match=r"no metric 'colour'; sort by one of accuracy, .*, aurc, .*, patient_ece"):
        boards(rows, "colour")


def test_the_leaderboard_reads_without_colour(run, home):
    code, out, _ = run("runs", "--sort", "f1")
    lines = out.splitlines()
    assert code == 0 and "\x1b" not in out
    assert lines[0] == "Test images tttttttt: 200 images of 200 groups; data dddddddd"
    assert lines[1].split()[-6:] == ["accuracy", "sensitivity", "seeds", "trials", "time", "run"]
    assert "1.000 [1.000, 1.000]" in lines[2] and lines[2].rstrip().endswith("better")
    assert next(line for line in lines if "leaking" in line).startswith("LEAKS")
    assert next(line for line in lines if "broken" in line).startswith("failed")
    assert "/#/compare-runs?runs=" in lines[-1] and "`lobule ui`" in lines[-2]


def test_runs_on_other_test_images_are_a_board_of_their_own(run, home):
    lines = run("runs")[1].splitlines()
    assert "Test images uuuuuuuu: 30 images of 30 groups; data eeeeeeee" in lines and "Not evaluated" in lines
    assert any("not ranked against each other" in line for line in lines)
    rows = json.loads(run("runs", "--json", "--data", "sha256:uuuu")[1])["runs"]
    assert [row["run"] for row in rows] == ["other"]
    assert [row["run"] for row in json.loads(run("runs", "--json", "--data", "dddd")[1])["runs"]] == ["better", "good", "leaking"]


def test_too_few_groups_stand_instead_of_an_interval_that_says_nothing(run, home):
    assert "0.500 too few groups" in next(line for line in run("runs")[1].splitlines() if line.rstrip().endswith(" other"))


def test_an_unknown_metric_names_those_there_are(run, home):
    code, _, err = run("runs", "--sort", "accurracy")
    assert code == 2 and "accuracy" in err and len(err.splitlines()) == 1


def test_a_recipe_or_data_without_runs_is_said(run, home):
    assert "No run of recipe other yet" in run("runs", "--recipe", "other")[1]
    assert "No run on data 99 yet" in run("runs", "--data", "99")[1]
