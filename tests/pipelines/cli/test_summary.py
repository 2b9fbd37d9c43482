"""What a finished run says, for each outcome of the gate."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import pytest

from components.domain.report import Interval
from pipelines.cli.summary import print_summary
from pipelines.runspec import RunSpec


@pytest.fixture(scope="module")
def evidence():
    spec = importlib.util.spec_from_file_location("summary_evidence", Path(__file__).parents[2] / "components" / "promote" / "evidence.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def said(evidence, tmp_path, monkeypatch, capsys):
    """What is printed for a run whose gate said something."""
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "home"))

    def printed(outcome: str, *, applied: bool, leaking: bool = False, auc: Interval | None = None) -> str:
        report, predictions = evidence.model(wrong=10, leaking=leaking)
        report = dataclasses.replace(report, metrics=report.metrics | ({"auc": auc} if auc else {}))
        evidence.write(tmp_path / "report", report, predictions)
        check = {"images": 3, "largest_difference": 1e-7, "p50_ms": 5.0, "ready_seconds": 2.0, "examples": []}
        (tmp_path / "serve_check.json").write_text(json.dumps(check))
        (tmp_path / "decision.md").write_text("# said\n\n- because\n")
        spec = RunSpec("run-1", {"model": "lobule-histology", "apply": applied})
        spec.write()
        places = {"report": tmp_path / "report", "check": tmp_path, "decision": tmp_path / "decision.md"}
        made = {"drift_report": tmp_path, "bento": tmp_path / "bento", "version": "1", "drift": "stable", "outcome": outcome}
        spec.result.write_text(json.dumps({name: str(value) for name, value in {**places, **made}.items()}))
        assert print_summary(spec) == outcome
        return capsys.readouterr().out

    return printed


@pytest.mark.parametrize(
    ("outcome", "applied", "leaking", "commands"),
    [
        ("promote", True, False, ["lobule serve", "lobule ui", "lobule run --data FOLDER"]),
        ("promote", False, False, ["lobule serve lobule-histology/1", "lobule promote", "lobule run --data FOLDER"]),
        ("cannot tell", True, False, ["lobule serve lobule-histology/1", "lobule ui", "lobule run --data FOLDER"]),
        ("cannot tell", False, False, ["lobule serve lobule-histology/1", "lobule ui", "lobule run --data FOLDER"]),
        ("reject", True, False, ["lobule serve lobule-histology/1", "lobule runs", "lobule run --data FOLDER"]),
        ("reject", False, True, ["lobule serve lobule-histology/1", "lobule ui", "lobule run --data FOLDER"]),
    ],
)
def test_the_next_commands_never_ask_a_gate_that_has_answered(said, outcome, applied, leaking, commands):
    lines = said(outcome, applied=applied, leaking=leaking).partition("\nNext\n")[2].splitlines()
    assert [line.strip().partition("  ")[0] for line in lines] == commands
    assert ("too few to tell" in lines[-1]) == (outcome == "cannot tell")


def test_sensitivity_and_specificity_stand_together(said):
    lines = said("promote", applied=True).splitlines()
    place = next(index for index, line in enumerate(lines) if line.startswith("  sensitivity"))
    assert "0.900 [" in lines[place] and lines[place + 1].startswith("  specificity") and "1.000 [" in lines[place + 1]


def test_too_few_groups_for_an_interval_are_said(said):
    assert "too few groups for an interval" not in said("promote", applied=True)


def test_an_interval_that_says_nothing_is_explained(said):
    assert "too few groups for an interval" in said("cannot tell", applied=False, auc=Interval(0.8, 0.0, 1.0))
