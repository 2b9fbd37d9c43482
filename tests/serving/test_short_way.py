"""The short way of a plain prediction tells what the long way through the frameworks tells."""

import httpx
import pytest
from service_process import web
from tiny_bundle import encode, plain

from serving.short import PLAIN

RED = encode(plain(200, 60, 20))
OWN = {"x-request-id", "date", "content-length"}
"""Headers in which two answers may differ."""


def ask(url: str, query: str, content: bytes) -> httpx.Response:
    return web.post(f"{url}/predict{query}", content=content, headers={"Content-Type": "image/png"})


@pytest.mark.parametrize(
    ("query", "explain", "image"),
    [
        (b"", False, True),
        (b"image=false", False, False),
        (b"explain=true", True, True),
        (b"explain=true&image=false", True, False),
        (b"explain=false&image=true", False, True),
    ],
)
def test_the_usual_parameters_are_known_without_parsing(query: bytes, explain: bool, image: bool):
    assert PLAIN[query] == (explain, image)


@pytest.mark.parametrize("query", [b"image=0", b"image=false&explain=true", b"image=false&", b"other=1", b"image=maybe"])
def test_parameters_in_another_form_take_the_long_way(query: bytes):
    assert query not in PLAIN


@pytest.mark.parametrize(
    ("short", "long", "content", "status"),
    [
        ("", "?image=1", RED, 200),
        ("?image=false", "?image=0", RED, 200),
        ("?explain=true", "?explain=1", RED, 200),
        ("", "?image=1", b"text", 400),
        ("", "?image=1", b"", 400),
    ],
)
def test_both_ways_answer_alike(service_url: str, short: str, long: str, content: bytes, status: int):
    answers = [ask(service_url, query, content) for query in (short, long)]
    one, other = ({**answer.json(), "request_id": ""} for answer in answers)
    assert (one, answers[0].status_code) == (other, status)
    assert len({answer.headers["x-request-id"] for answer in answers}) == 2
    told, likewise = ({name: value for name, value in answer.headers.items() if name not in OWN} for answer in answers)
    assert told == likewise


def test_both_ways_are_counted_under_one_name(service_url: str):
    def count() -> float:
        text = web.get(f"{service_url}/metrics").text
        line = next(
            line for line in text.splitlines() if line.startswith('lobule_requests_total{method="POST",route="/predict",status="200"}')
        )
        return float(line.split()[-1])

    before = count() if ask(service_url, "", RED).status_code == 200 else 0
    for query in ("", "?image=1"):
        ask(service_url, query, RED)
    assert count() == before + 2
