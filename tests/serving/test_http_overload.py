"""Clients that are slow, many or endless, over a real `bentoml serve` process with narrow limits."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from service_process import running_service, web
from tiny_bundle import encode, plain

RED = encode(plain(200, 60, 20))
RAW = {"Content-Type": "image/png"}
CONNECTIONS = 20


@pytest.fixture(scope="module")
def narrow(bundle: Path, tmp_path_factory: pytest.TempPathFactory):
    settings = {
        "LOBULE_UPLOAD_TIMEOUT": "0.6",
        "LOBULE_MAX_REQUESTS": "2",
        "LOBULE_MAX_UPLOADS": "3",
        "LOBULE_MAX_BUFFERED_BYTES": "2000000",
        "LOBULE_MAX_CONNECTIONS": str(CONNECTIONS),
    }
    with running_service(tmp_path_factory.mktemp("narrow"), LOBULE_BUNDLE=str(bundle), **settings) as running:
        yield running.url


def refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.text
    if status in (429, 503):
        assert int(response.headers["retry-after"]) >= 1


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def slow(data: bytes, pieces: int, pause: float):
    size = 1 + len(data) // pieces
    for start in range(0, len(data), size):
        yield data[start : start + size]
        time.sleep(pause)


def post(url: str, content) -> httpx.Response:
    return web.post(f"{url}/predict?image=false", content=content, headers=RAW)


def text(url: str) -> int:
    """Send what is no image, and return the status."""
    return web.post(f"{url}/predict", content=b"text", headers={"Content-Type": "text/plain"}).status_code


def test_an_upload_that_drips_is_ended(narrow: str):
    refused(post(narrow, slow(RED, 50, 0.1)), 408, "upload_too_slow")


def test_an_upload_on_a_slow_line_is_taken_as_long_as_it_moves(narrow: str):
    large = RED + b"\0" * 60_000  # bytes after the end of a PNG are ignored
    began = time.monotonic()
    assert post(narrow, slow(large, 10, 0.12)).status_code == 200
    assert time.monotonic() - began > 0.9  # more than the 0.6 s that it has to begin with


def test_slow_uploads_keep_nobody_from_an_answer_until_all_places_are_taken(narrow: str):
    with ThreadPoolExecutor(3) as pool:
        two = [pool.submit(post, narrow, slow(RED, 3, 0.15)) for _ in range(2)]
        time.sleep(0.1)
        assert post(narrow, RED).status_code == 200
        third = pool.submit(post, narrow, slow(RED, 3, 0.15))
        time.sleep(0.1)
        refused(post(narrow, RED), 503, "uploads_full")
        assert [each.result().status_code for each in (*two, third)] == [200] * 3


def test_uploads_together_may_hold_so_much_memory(narrow: str):
    large = RED + b"\0" * 1_200_000
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(post, narrow, slow(large, 2, 0.3))
        time.sleep(0.45)
        refused(post(narrow, large), 503, "uploads_full")
        assert first.result().status_code == 200
    assert post(narrow, large).status_code == 200  # what was counted is given back


def test_requests_too_many_are_told_when_to_come_back(narrow: str):
    large = encode(plain(200, 60, 20, height=6000, width=6000))  # takes a while to decode
    with ThreadPoolExecutor(3) as pool:
        first = [pool.submit(post, narrow, large) for _ in range(2)]
        while text(narrow) == 415 and not any(each.done() for each in first):  # judged by its type once there is a place: it takes none
            time.sleep(0.005)
        refused(post(narrow, RED), 429, "overloaded")
        assert web.get(f"{narrow}/readyz").status_code == 200
        assert [each.result().status_code for each in first] == [200, 200]


@pytest.mark.parametrize("sent", [b"", b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Ty"])
def test_a_connection_that_brings_no_whole_head_is_closed(narrow: str, sent: bytes):
    with closing(connect(narrow)) as open_:
        open_.sendall(sent)
        began = time.monotonic()
        answer = open_.recv(65536)
        assert time.monotonic() - began < 4
        assert answer == b"" if not sent else answer.startswith(b"HTTP/1.1 408")


def test_a_head_that_drips_is_closed_although_it_moves(narrow: str):
    with closing(connect(narrow)) as open_:
        began, answer = time.monotonic(), b""
        open_.sendall(b"GET /health HTTP/1.1\r\nX: ")
        open_.settimeout(0.1)
        while not answer and time.monotonic() - began < 5:
            try:
                open_.sendall(b"y")
                answer = open_.recv(65536)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408")


def test_headers_without_end_are_refused(narrow: str):
    with closing(connect(narrow)) as open_:
        open_.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        sent = 0
        try:
            while sent < 8_000_000:
                open_.sendall(b"X-%d: %s\r\n" % (sent, b"y" * 900))
                sent += 900
        except OSError:
            pass
        assert sent < 8_000_000
    assert web.get(f"{narrow}/health").status_code == 200


def test_connections_too_many_are_refused_and_the_service_recovers(narrow: str):
    time.sleep(0.1)
    opened = [connect(narrow) for _ in range(CONNECTIONS)]
    try:
        time.sleep(0.2)
        with closing(connect(narrow)) as last:
            head, _, body = last.recv(65536).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 5" in head
        assert json.loads(body)["error"]["code"] == "too_many_connections"
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:  # those that ask nothing are closed
            time.sleep(0.3)
            try:
                if web.get(f"{narrow}/health").status_code == 200:
                    break
            except httpx.HTTPError:
                continue
        assert web.get(f"{narrow}/health").status_code == 200
    finally:
        for each in opened:
            each.close()


def test_paths_without_end_leave_no_trace_in_the_metrics(narrow: str):
    for index in range(30):
        assert web.get(f"{narrow}/secret-{index}").status_code == 404
    told = web.get(f"{narrow}/metrics").text
    assert 'lobule_requests_total{method="GET",route="other",status="404"}' in told
    assert "secret" not in told
    assert "bentoml_service_request" not in told
