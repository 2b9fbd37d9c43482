import importlib.util
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.cli.main import invoke
from pipelines.cli.monitor import _begin

_spec = importlib.util.spec_from_file_location("drift_scenes", Path(__file__).parents[2] / "components" / "monitor" / "conftest.py")
scenes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(scenes)
ALL = ["--since", "2026-01-01"]


@pytest.fixture
def scene(tmp_path, monkeypatch):
    place = scenes.Scene(tmp_path)
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOBULE_PREDICTION_LOG", str(place.log))
    return place


def run(scene, *options: str) -> int:
    return invoke(["monitor", str(scene.bundle), *options])


def test_no_drift_ends_with_0_and_says_so(scene, capsys):
    scene.play()
    assert run(scene, *ALL, "--no-html") == 0
    assert "No drift: in none of 19 watched properties" in " ".join(capsys.readouterr().out.split())


def test_drift_ends_with_4_and_shows_every_detector(scene, capsys):
    scene.play(darker=0.2)
    assert run(scene, *ALL, "--no-html") == 4
    shown = " ".join(capsys.readouterr().out.split())
    assert "Drift: " in shown
    assert "brightness drift" in shown
    assert "not watched: property_aspect: the same value in every image" in shown


def test_images_older_than_the_window_are_too_little_data_and_end_with_5(scene, capsys):
    scene.play()
    assert run(scene, "--window", "1h", "--no-html") == 5
    assert "Too little data to tell: the window holds 0 images" in " ".join(capsys.readouterr().out.split())


def test_a_service_that_never_answered_is_too_little_data(scene, capsys, monkeypatch, tmp_path):
    scene.play()
    monkeypatch.setenv("LOBULE_PREDICTION_LOG", str(tmp_path / "nothing"))
    assert run(scene, "--no-html") == 5


def test_json_is_one_document_and_nothing_else(scene, capsys):
    scene.play(darker=0.2)
    assert run(scene, *ALL, "--no-html", "--json") == 4
    document = json.loads(capsys.readouterr().out)
    assert (document["status"], document["exit_code"], document["model"]) == ("drift", 4, "lobule-histology")


def test_the_page_lies_where_it_was_asked_for_or_in_the_home(scene, capsys, tmp_path):
    scene.play(current=12)  # too few: no need of Evidently
    assert run(scene, *ALL, "--html", str(tmp_path / "pages" / "drift.html")) == 5
    assert run(scene, *ALL) == 5
    pages = [tmp_path / "pages" / "drift.html", *(tmp_path / "home" / "monitor").glob("*.html")]
    assert len(pages) == 2
    assert all("too little data" in page.read_text() for page in pages)
    printed = "".join(capsys.readouterr().out.split())
    assert all(f"page:{page}" in printed for page in pages)


def test_a_window_of_the_past_ends_where_it_is_told_to(scene, capsys):
    scene.play()  # from 1 March 2026 on, ten minutes apart
    assert run(scene, "--window", "12h", "--until", "2026-03-01T12:00", "--no-html", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["images"], document["last"]) == (72, "2026-03-01T11:50:00+00:00")


def test_gauges_are_written_beside_the_verdict(scene, tmp_path):
    scene.play(darker=0.2)
    assert run(scene, *ALL, "--no-html", "--prometheus", str(tmp_path / "lobule.prom")) == 4
    assert "\nlobule_drift{" in (tmp_path / "lobule.prom").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--window", "soon"], "--window must be a number and m, h, d or w, but got 'soon'"),
        (["--window", "0d"], "but got '0d'"),
        (["--until", "soon"], "--until must be a time in ISO 8601, but got 'soon'"),
        (["--since", "yesterday"], "--since must be a time in ISO 8601, but got 'yesterday'"),
        (["--since", "2026-01-01", "--window", "7d"], "exclude each other"),
        (["--html", "x.html", "--no-html"], "exclude each other"),
        (["--alpha", "2"], "alpha must lie in [0.001, 0.2], but got 2.0"),
        (["--min-images", "1"], "min_images must be at least 10, but got 1"),
    ],
)
def test_bad_usage_ends_with_2_and_names_the_value(scene, capsys, options, words):
    scene.play(current=12)
    assert run(scene, *options) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_model_that_does_not_exist_ends_with_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path))
    assert invoke(["monitor", "no-such-model"]) == 2
    assert "no-such-model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("window", "length"),
    [
        ("90m", timedelta(minutes=90)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
        (None, timedelta(days=7)),
    ],
)
def test_a_window_is_a_number_and_a_unit_back_from_now(window, length):
    assert abs(datetime.now(UTC) - length - _begin(window, None)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:00+02:00", datetime(2026, 1, 31, 6, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc(text, moment):
    assert _begin(None, text) == moment
