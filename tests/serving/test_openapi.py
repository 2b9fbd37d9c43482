"""The OpenAPI document says what the service does."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from service_process import web
from tiny_bundle import encode, plain

README = Path(__file__).resolve().parents[2] / "README.md"
PYTHON_IN_README = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RED = encode(plain(200, 60, 20))


def shape(value: object) -> object:
    """The names and kinds of a document, without its values."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items() if name != "probabilities"}
    return type(value) if isinstance(value, str | int) else None


@pytest.fixture(scope="module")
def document(service_url: str) -> dict:
    return web.get(f"{service_url}/openapi.json").json()


def example(document: dict, path: str, status: str = "200") -> dict:
    return document["paths"][path]["post"]["responses"][status]["content"]["application/json"]["example"]


def test_the_example_of_an_answer_has_the_shape_of_an_answer(service_url: str, document: dict):
    answer = web.post(f"{service_url}/predict", files={"image": ("x", RED)}, params={"explain": True}).json()
    assert shape(example(document, "/predict")) == shape(answer)


def test_the_example_of_a_batch_has_the_shape_of_a_batch(service_url: str, document: dict):
    files = [("images", ("x", RED)), ("images", ("y", b"text"))]
    answer = web.post(f"{service_url}/predict/batch", files=files, params={"explain": True, "image": True}).json()
    told = example(document, "/predict/batch")
    assert shape(told) == shape(answer)
    assert [shape(each) for each in told["results"]] == [shape(each) for each in answer["results"]]
    assert told["results"][1] == answer["results"][1] == example(document, "/predict", "400")


def test_every_status_that_a_call_may_answer_is_told(document: dict):
    for path in ("/predict", "/predict/batch"):
        assert set(document["paths"][path]["post"]["responses"]) >= {"200", "400", "401", "408", "413", "415", "422", "429", "503", "504"}


def test_the_client_in_the_readme_works_as_printed(service_url: str, tmp_path: Path):
    (tmp_path / "scan.png").write_bytes(RED)
    (client,) = [block for block in PYTHON_IN_README.findall(README.read_text(encoding="utf-8")) if "/predict" in block]
    found: dict[str, Callable[..., dict]] = {}
    exec(compile(client, str(README), "exec"), found)
    answer = found["predict"](tmp_path / "scan.png", url=service_url)
    assert (answer["class_name"], answer["verdict"]) == ("malignant", "accept")
