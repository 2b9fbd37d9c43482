"""`lobule serve`, `lobule predict` and `lobule package`, as a user types them."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from service_process import free_port, web
from tiny_bundle import encode, plain

from pipelines.cli.main import invoke
from serving.contract import tree_digest


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "red.png").write_bytes(encode(plain(200, 60, 20)))
    (tmp_path / "text.png").write_bytes(b"text")
    return tmp_path


@pytest.mark.parametrize("way", ["process", "service"])
def test_predict_answers_every_image_it_can(way: str, images: Path, bundle: Path, service_url: str, capsys: pytest.CaptureFixture[str]):
    where = ["--url", service_url] if way == "service" else ["--model", str(bundle)]
    names = [str(images / name) for name in ("red.png", "text.png", "missing.png")]
    assert invoke(["predict", *names, "--json", *where]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["model"]["bundle"] == tree_digest(bundle)
    assert [result["path"] for result in answer["results"]] == names
    assert answer["results"][0]["class_name"] == "malignant"
    assert [result["error"]["code"] for result in answer["results"][1:]] == ["not_an_image", "unreadable"]


def test_predict_answers_alike_in_process_and_over_http(images: Path, bundle: Path, service_url: str, capsys: pytest.CaptureFixture[str]):
    answers = []
    for where in (["--url", service_url], ["--model", str(bundle)]):
        assert invoke(["predict", str(images / "red.png"), "--json", *where]) == 0
        result = json.loads(capsys.readouterr().out)["results"][0]
        answers.append({name: value for name, value in result.items() if name != "request_id"})
    assert answers[0] == answers[1]


def test_predict_shows_a_table(images: Path, bundle: Path, capsys: pytest.CaptureFixture[str]):
    assert invoke(["predict", str(images / "red.png"), str(images / "text.png"), "--model", str(bundle)]) == 2
    shown = capsys.readouterr().out
    assert str(images / "red.png") in shown
    assert "benign 10.0 %, malignant 90.0 %" in shown
    assert "not answered" in shown
    assert "Not for clinical use" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "http://127.0.0.1:9"], "does not answer"),
        (["--url", "ftp://x"], "must start with http"),
        (["--url", "http://x", "--model", "1"], "must not both be given"),
        ([], "no registry yet"),
        (["--model", "nonsense here"], "no registry yet"),
    ],
)
def test_predict_says_what_is_missing_in_one_line(images: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str):
    assert invoke(["predict", str(images / "red.png"), *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (images / "home").exists()  # looking for a model creates no store


def test_package_builds_a_bento_of_a_directory(images: Path, bundle: Path, capsys: pytest.CaptureFixture[str]):
    assert invoke(["package", str(bundle), "-o", str(images / "bento"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tag"] == f"lobule-tiny:{tree_digest(bundle).removeprefix('sha256:')[:12]}"
    assert (Path(told["path"]) / "bento.yaml").is_file()


def test_package_names_a_command_that_can_be_pasted(images: Path, bundle: Path, capsys: pytest.CaptureFixture[str]):
    assert invoke(["package", str(bundle), "-o", str(images / "my bento")]) == 0
    command = capsys.readouterr().out.splitlines()[-1].removeprefix("Serve it with: ")
    assert shlex.split(command) == ["bentoml", "serve", str((images / "my bento").resolve())]


@contextmanager
def served(folder: Path, bundle: Path) -> Iterator[str]:
    """`lobule serve BUNDLE` on a free port, ended as Ctrl-C ends it; yields its address."""
    port = free_port()
    code = f"import sys; sys.argv[1:] = ['serve', {str(bundle)!r}, '--port', '{port}']; from pipelines.cli.main import main; main()"
    with (folder / f"output-{port}.txt").open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                if web.get(f"{url}/readyz").status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield url
        os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches the whole group
        assert process.wait(20) in (0, 130)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
def test_serve_serves_until_interrupted(images: Path, bundle: Path):
    with served(images, bundle) as url:
        answer = web.post(f"{url}/predict", files={"image": ("x", (images / "red.png").read_bytes())}).json()
        assert answer["class_name"] == "malignant"
    assert f"{url}/" in next(images.glob("output-*.txt")).read_text()
    assert len(list((images / "home" / "predictions").rglob("*.parquet"))) == 1


@pytest.mark.slow
def test_two_services_of_one_home_count_each_for_itself(images: Path, bundle: Path):
    def count(url: str) -> str:
        web.post(f"{url}/predict", files={"image": ("x", (images / "red.png").read_bytes())}).raise_for_status()
        counted = [line for line in web.get(f"{url}/metrics").text.splitlines() if line.startswith("lobule_predictions_total{")]
        return " ".join(line.rpartition(" ")[2] for line in counted)

    with served(images, bundle) as first:
        assert count(first) == "1.0"
        with served(images, bundle) as second:
            assert [count(first), count(second), count(first)] == ["2.0", "1.0", "3.0"]


def test_serve_needs_a_free_port(images: Path, bundle: Path, service_url: str, capsys: pytest.CaptureFixture[str]):
    assert invoke(["serve", str(bundle), "--port", service_url.rpartition(":")[2]]) == 2
    assert "choose another" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "said"),
    [({"LOBULE_MAX_BYTES": "9" * 400}, "must be a whole number from 1,024"), ({"LOBULE_SIGNING_KEY": "key"}, "must be signed")],
)
def test_serve_says_in_one_line_what_it_cannot_serve_with(
    setting: dict[str, str], said: str, images: Path, bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    assert invoke(["serve", str(bundle), "--port", str(free_port())]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert (told.count("\n"), len(told) < 400) == (1, True)
