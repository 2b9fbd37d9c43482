import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.cli.main import invoke


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Leave the log as it was: the command sets it up for a terminal."""
    logger = logging.getLogger("components")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four pictures of two classes that do not look alike."""
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "home"))
    for place, label in enumerate(("benign", "malignant")):
        (tmp_path / "source" / label).mkdir(parents=True)
        for row in range(4):
            coarse = np.random.default_rng(10 * place + row).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((40, 40), Image.Resampling.BICUBIC).save(tmp_path / "source" / label / f"{row}.png")
    return tmp_path / "source"


def test_a_clean_folder_ends_with_0_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["data", "inspect", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "8 readable images" in shown
    assert "no findings" in shown
    assert "\x1b" not in shown


def test_findings_end_with_3_and_name_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "benign" / "bad.png").write_bytes(b"no image")
    assert invoke(["data", "inspect", str(folder)]) == 3
    shown = capsys.readouterr().out
    assert "1 unreadable" in shown
    assert "benign/bad.png" in shown


def test_json_is_one_document_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "malignant" / "0.png").write_bytes((folder / "benign" / "0.png").read_bytes())
    assert invoke(["data", "inspect", str(folder), "--json"]) == 3
    seen = json.loads(capsys.readouterr().out)
    assert seen["classes"] == {"benign": 3, "malignant": 3}
    assert seen["label_conflicts"] == [[{"source": "benign/0.png", "label": "benign"}, {"source": "malignant/0.png", "label": "malignant"}]]
    assert seen["findings"][0] == "one picture under 2 labels: benign/0.png = malignant/0.png"


def test_slices_and_patients_are_shown(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {"benign/0": "SOB_B_A-14-1-40-001", "benign/1": "SOB_B_A-14-1-200-001", "malignant/0": "SOB_M_DC-14-2-40-001"}
    (tmp_path / "breakhis").mkdir()
    for drawn, name in names.items():
        (tmp_path / "breakhis" / f"{name}.png").write_bytes((folder / f"{drawn}.png").read_bytes())
    invoke(["data", "inspect", str(tmp_path / "breakhis")])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["magnification", "images", "benign", "malignant", "groups"] in lines
    assert ["40", "2", "1", "1", "2"] in lines
    assert ["200", "1", "1", "0", "1"] in lines
    assert any(line[:4] == ["patients", "or", "slides", "2,"] for line in lines)


def test_a_page_is_written_where_it_was_asked_for(folder: Path, tmp_path: Path) -> None:
    assert invoke(["data", "inspect", str(folder), "--html", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "/nowhere"], "lobule: a source must be a folder, a .zip"),
        (["inspect", "sample:cats"], "lobule: a sample must be one of histology, ultrasound, idc, but got 'cats'"),
        (["inspect", "SOURCE", "--html", "/nowhere/page.html"], "lobule: --html must name a file that can be written"),
        (["sample", "x", "--kind", "cats"], "'cats' is not one of 'histology', 'ultrasound', 'idc'"),
        (["inspect"], "Missing argument 'SOURCE'"),
    ],
)
def test_bad_input_ends_with_2_and_the_reason(arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["data", *(str(folder) if each == "SOURCE" else each for each in arguments)]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.out == ""


def test_a_sample_is_written_and_inspecting_it_finds_what_was_planted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "sample"
    assert invoke(["data", "sample", str(target), "--kind", "idc", "--images", "80", "--seed", "3"]) == 0
    assert "planted" in capsys.readouterr().out
    assert invoke(["data", "inspect", str(target), "--json"]) == 3
    seen = json.loads(capsys.readouterr().out)
    assert seen["layout"] == "IDC"
    assert list(seen["slices"]) == ["x", "y"]
    assert sum(each["images"] for each in seen["slices"]["x"].values()) == seen["kept"]
    assert sum(seen["patient_images"].values()) == seen["kept"]
    assert seen["unreadable"]
    assert seen["label_conflicts"]


@pytest.mark.parametrize("arguments", [["data"], ["data", "inspect"], ["data", "sample"]])
def test_help_teaches_with_examples(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke([*arguments, "--help"]) == 0
    assert "  lobule data " in capsys.readouterr().out
