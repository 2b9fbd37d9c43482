"""`kaggle:` sources: the official client in a process of its own, against a real HTTP server on loopback.

The client has no setting for its address but `KAGGLE_API_ENVIRONMENT=LOCALHOST`, which is http://localhost; the server takes that in
as its HTTP proxy. What is not seen here: kaggle.com itself.
"""

import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.domain.errors import InputError
from components.ingest.kaggle_dataset import dataset_of
from components.ingest.source import lasting

TOKEN = "KGAT_0123456789"
INSPECT = "from pipelines.cli.main import main; main()"


@pytest.mark.parametrize(
    ("source", "dataset"),
    [
        ("kaggle:idc", "paultimothymooney/breast-histopathology-images"),
        ("kaggle:busi", "aryashah2k/breast-ultrasound-images-dataset"),
        ("kaggle:some-one/set-2", "some-one/set-2"),
        ("kaggle:someone/set/versions/3", "someone/set/3"),
    ],
)
def test_a_data_set_is_named_by_owner_and_name_or_a_shortcut(source: str, dataset: str) -> None:
    assert dataset_of(source) == dataset
    assert lasting(source) == source


@pytest.mark.parametrize("source", ["kaggle:", "kaggle:breakhis", "kaggle:a/b/c", "kaggle:../x", "kaggle:a/..", "kaggle:https://x/y"])
def test_what_names_no_data_set_is_refused(source: str) -> None:
    with pytest.raises(InputError, match=r"must be written kaggle:owner/dataset or kaggle:idc or kaggle:busi, but got '.*'; copy it"):
        dataset_of(source)


class Kaggle(BaseHTTPRequestHandler):
    """What the client asks of kaggle.com for one data set; the first download breaks off half-way."""

    archive = b""
    asked: list[tuple[str, str | None]]
    breaks: bool

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        self._answer(self.path.removeprefix("http://localhost"), body)

    def do_GET(self) -> None:
        self._answer(self.path.removeprefix("http://localhost"), {})

    def _answer(self, path: str, body: dict[str, Any]) -> None:
        server = type(self)
        server.asked.append((path, self.headers.get("Range")))
        if path.startswith("/signed/"):
            self._file(server)
        elif "IntrospectToken" in path:
            self._json({"active": body.get("token") == TOKEN, "username": "somebody"})
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._json({"code": 401, "message": "Unauthenticated"}, 401)
        elif "DownloadDataset" not in path or body.get("datasetSlug") != "set":
            self._json({"code": 403, "message": "Permission denied"}, 403)
        else:  # to where the files really are, as Kaggle does
            self.send_response(302)
            self.send_header("Location", "http://localhost/signed/set.zip")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _file(self, server: "type[Kaggle]") -> None:
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        for name, value in {
            "Content-Type": "application/zip",
            "Content-Length": str(len(server.archive) - start),
            "Accept-Ranges": "bytes",
            "ETag": '"e1"',
            "Last-Modified": "Mon, 02 Nov 2026 10:00:00 GMT",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        half = len(server.archive) // 2
        self.wfile.write(server.archive[start:half] if server.breaks else server.archive[start:])
        server.breaks = False
        self.close_connection = True

    def _json(self, value: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def kaggle(draw: Any) -> Iterator[tuple[type[Kaggle], str]]:
    root = draw({f"set/{label}/{row}.png": 100 * place + row for place, label in enumerate(("benign", "malignant")) for row in range(4)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("set/scans.bin", bytes(3 * 2**20))  # the client writes a whole MiB at a time
        for file in sorted(root.rglob("*.png")):
            archive.write(file, file.relative_to(root))
    handler = type("Server", (Kaggle,), {"archive": buffer.getvalue(), "asked": [], "breaks": True})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def inspect(source: str, home: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAGGLE") and not name.lower().endswith("proxy")}
    environment = {**kept, "LOBULE_HOME": str(home), "HOME": str(home), "KAGGLE_CONFIG_DIR": str(home / "k"), **more}
    return subprocess.run(
        [sys.executable, "-c", INSPECT, "data", "inspect", source, "--json"], capture_output=True, text=True, env=environment, timeout=120
    )


def test_without_a_token_the_remedy_is_told_in_one_line(tmp_path: Path) -> None:
    done = inspect("kaggle:busi", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "lobule: a Kaggle source needs a token, but none that is valid is set; set KAGGLE_API_TOKEN to a token from "
        "https://www.kaggle.com/settings/api, or save it to ~/.kaggle/access_token\n"
    )


@pytest.mark.slow
def test_the_client_brings_a_data_set_once_and_continues_where_it_broke(kaggle: tuple[type[Kaggle], str], tmp_path: Path) -> None:
    handler, address = kaggle
    settings = {"KAGGLE_API_TOKEN": TOKEN, "KAGGLE_API_ENVIRONMENT": "LOCALHOST", "http_proxy": address}
    done = inspect("kaggle:someone/set", tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["source"], seen["images"], seen["classes"]) == ("kaggle:someone/set", 8, {"benign": 4, "malignant": 4})
    ranges = [bytes_ for path, bytes_ in handler.asked if path.startswith("/signed/")]
    assert ranges == [None, "bytes=1048576-"]
    assert not list(tmp_path.rglob("*.zip"))
    handler.asked.clear()
    again = inspect("kaggle:someone/set", tmp_path)  # without token or network
    assert json.loads(again.stdout) == seen
    assert handler.asked == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        ("kaggle:someone/secret", {}, "Kaggle shows this token no data set 'someone/secret' (403); check its name, accept its terms"),
        ("kaggle:someone/set", {"KAGGLE_API_TOKEN": "old"}, "a Kaggle source needs a token, but none that is valid is set"),
        ("kaggle:someone/set", {"http_proxy": "http://127.0.0.1:9"}, "Kaggle must be reachable, but 'someone/set' cannot be brought"),
    ],
)
def test_what_kaggle_refuses_is_told_in_one_line(kaggle: tuple[type[Kaggle], str], tmp_path: Path, source, settings, message: str) -> None:
    common = {"KAGGLE_API_TOKEN": TOKEN, "KAGGLE_API_ENVIRONMENT": "LOCALHOST", "http_proxy": kaggle[1]}
    done = inspect(source, tmp_path, **common | settings)
    assert (done.returncode, done.stdout) == (2, "")
    told = [line for line in done.stderr.splitlines() if line.startswith("lobule: ")]
    assert len(told) == 1
    assert message in told[0]
    assert "Traceback" not in done.stderr
