"""Everything that a client can do wrong is answered in one form, over a real `bentoml serve` process."""

import base64
import io
import struct
import zlib
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from service_process import running_service, web
from tiny_bundle import encode, plain

RED = encode(plain(200, 60, 20))


def huge_header(side: int) -> bytes:
    """A PNG whose header names side x side pixels and that holds none."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT"


def animated(kind: str) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.fromarray(plain(red, 0, 0)) for red in (0, 255)]
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def wordy() -> bytes:
    """A PNG with a text of 8 MB that compresses to nothing."""
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 8_000_000, zip=True)
    return encode(plain(200, 60, 20), pnginfo=text)


IMAGES = {
    "empty": (b"", 400, "empty"),
    "text": (b"hello, I am no image", 400, "not_an_image"),
    "gif": (encode(plain(1, 2, 3), "GIF"), 400, "not_an_image"),
    "truncated": (encode(plain(200, 60, 20, height=300, width=300), "JPEG")[:900], 400, "damaged"),
    "tiny": (encode(plain(1, 2, 3, height=5, width=5)), 400, "too_small"),
    "two pages": (animated("TIFF"), 400, "several_frames"),
    "animated png": (animated("PNG"), 400, "several_frames"),
    "animated webp": (animated("WEBP"), 400, "several_frames"),
    "too many pixels": (huge_header(30_000), 413, "too_many_pixels"),
    "largest header": (huge_header(65_535), 413, "too_many_pixels"),
    "no pixels": (huge_header(0), 400, "not_an_image"),
    "text bomb": (wordy(), 400, "not_an_image"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', 400, "not_an_image"),
}


def refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json"), response.text
    error = response.json()["error"]
    assert set(error) == {"code", "message", "remedy"}
    assert error["code"] == code
    assert error["message"]
    assert error["remedy"]
    assert "x-request-id" in response.headers


@pytest.mark.parametrize("name", list(IMAGES))
@pytest.mark.parametrize("way", ["multipart", "raw"])
def test_what_is_no_proper_image_is_refused(service_url: str, name: str, way: str):
    data, status, code = IMAGES[name]
    body = {"files": {"image": ("x", data)}} if way == "multipart" else {"content": data, "headers": {"Content-Type": "image/png"}}
    refused(web.post(f"{service_url}/predict", **body), status, code)


def test_what_follows_an_image_is_ignored_and_never_given_back(service_url: str):
    polyglot = RED + b"<script>alert(1)</script>PK\x03\x04%PDF-1.7"
    answer = web.post(f"{service_url}/predict", files={"image": ("x.html", polyglot, "text/html")})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    shown = base64.b64decode(answer.json()["image"].partition(",")[2])
    assert b"script" not in shown


@pytest.mark.parametrize("name", ["../../../../tmp/lobule-was-here", "/tmp/lobule-was-here", "..\\lobule-was-here", "x" * 1000, "\0"])
def test_names_of_files_mean_nothing(service_url: str, name: str):
    assert web.post(f"{service_url}/predict", files={"image": (name, RED)}).status_code == 200
    assert not Path("/tmp/lobule-was-here").exists()


def form(boundary: bytes, *parts: bytes) -> dict:
    return {"content": b"".join(parts), "headers": {"Content-Type": b"multipart/form-data; boundary=" + boundary}}


REQUESTS = {
    "wrong field": ({"files": {"picture": ("x", RED)}}, 422, "wrong_field"),
    "no field": (form(b"b", b"--b--\r\n"), 422, "wrong_field"),
    "two images": ({"files": [("image", ("x", RED)), ("image", ("y", RED))]}, 413, "too_many_images"),
    "json": ({"json": {"image": "x"}}, 415, "unsupported_type"),
    "text": ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_type"),
    "no type": ({"content": RED}, 415, "unsupported_type"),
    "odd type": ({"content": RED, "headers": {"Content-Type": b"\xff\xfe;;;="}}, 415, "unsupported_type"),
    "no boundary": ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "bad_multipart"),
    "long boundary": (form(b"b" * 5000, b"x"), 400, "bad_multipart"),
    "broken form": (form(b"b", b"not a form at all"), 400, "bad_multipart"),
    "cut form": (form(b"b", b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n', RED), 400, "bad_multipart"),
    "endless parts": (form(b"b", *[b"--b\r\n\r\nx\r\n"] * 400, b"--b--\r\n"), 400, "bad_multipart"),
    "wrong parameter": ({"files": {"image": ("x", RED)}, "params": {"explain": "perhaps"}}, 422, "wrong_parameter"),
    "no body": ({}, 415, "unsupported_type"),
}


@pytest.mark.parametrize("name", list(REQUESTS))
def test_what_is_no_proper_request_is_refused(service_url: str, name: str):
    request, status, code = REQUESTS[name]
    refused(web.post(f"{service_url}/predict", **request), status, code)


@pytest.mark.parametrize("chunked", [False, True])
def test_too_many_bytes_are_refused_while_they_arrive(service_url: str, chunked: bool):
    size = 20 * 2**20 + 2**16
    body = (b"x" * 2**16 for _ in range(size // 2**16)) if chunked else b"x" * size
    refused(web.post(f"{service_url}/predict", content=body, headers={"Content-Type": "image/png"}), 413, "too_many_bytes")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/static/nothing.js", 404, "not_found"),
        ("GET", "/static/../app.py", 404, "not_found"),
        ("GET", "/static/..%2fapp.py", 404, "not_found"),
        ("POST", "/predict/", 404, "not_found"),
        ("GET", "/health/", 404, "not_found"),
        ("GET", "/predict", 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
        ("POST", "/livez", 405, "method_not_allowed"),
    ],
)
def test_unknown_paths_and_methods_are_refused_alike(service_url: str, method: str, path: str, status: int, code: str):
    response = web.request(method, service_url + path)
    refused(response, status, code)
    assert (status == 405) == ("allow" in response.headers)


def test_too_many_images_in_a_batch_are_refused(service_url: str):
    refused(web.post(f"{service_url}/predict/batch", files=[("images", ("x", RED))] * 17), 413, "too_many_images")


@pytest.fixture(scope="module")
def locked(bundle: Path, tmp_path_factory: pytest.TempPathFactory):
    """A service with keys and a narrow limit."""
    settings = {"LOBULE_API_KEYS": "first-key, second-key", "LOBULE_MAX_BYTES": "5000"}
    with running_service(tmp_path_factory.mktemp("locked"), LOBULE_BUNDLE=str(bundle), **settings) as running:
        yield running.url


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-API-Key": "wrong"}, 401),
        ({"X-API-Key": "first-key,second-key"}, 401),
        ({"Authorization": "Basic first-key"}, 401),
        ({"X-API-Key": b"\xff"}, 401),
        ({"X-API-Key": "first-key"}, 200),
        ({"X-API-Key": "second-key"}, 200),
        ({"Authorization": "Bearer second-key"}, 200),
    ],
)
def test_with_keys_set_only_their_holders_get_answers(locked: str, headers: dict, status: int):
    response = web.post(f"{locked}/predict", files={"image": ("x", RED)}, headers=headers)
    assert response.status_code == status
    if status == 401:
        refused(response, 401, "unauthorized")


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz", "/metrics"])
def test_probes_need_no_key(locked: str, path: str):
    assert web.get(locked + path).status_code == 200


def test_the_page_can_be_loaded_to_type_the_key(locked: str):
    page = web.get(locked).text
    assert "<html" in page
    assert web.get(f"{locked}/static/app.js").status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/docs.json", "/schema.json", "/predict/batch", "/nothing", "//predict"])
def test_everything_else_needs_the_key(locked: str, path: str):
    assert web.get(locked + path).status_code == 401


def test_the_limit_of_bytes_is_a_setting(locked: str):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    response = web.post(f"{locked}/predict", files={"image": ("x", encode(noise))}, headers={"X-API-Key": "first-key"})
    refused(response, 413, "too_many_bytes")


@pytest.mark.slow
def test_a_bundle_that_cannot_be_served_leaves_a_service_that_says_why(tmp_path: Path):
    with running_service(tmp_path, ready=False, LOBULE_BUNDLE=str(tmp_path / "none")) as running:
        refused(web.get(f"{running.url}/readyz"), 503, "service_unavailable")
        refused(web.post(f"{running.url}/predict", files={"image": ("x", RED)}), 503, "no_model")
        health = web.get(f"{running.url}/health").json()
    assert health["status"] == "no_model"
    assert "card.json" in health["reason"]
