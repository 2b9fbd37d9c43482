"""What the service answers to images, over a real `bentoml serve` process."""

import base64
import io
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from service_process import Running, web
from tiny_bundle import THRESHOLD, encode, expected, plain

from serving.contract import DISCLAIMER, tree_digest
from serving.predictor import Predictor

RED = plain(200, 60, 20, height=48, width=40)


def post(url: str, pixels: np.ndarray = RED, kind: str = "PNG", **parameters) -> dict:
    response = web.post(f"{url}/predict", files={"image": ("x", encode(pixels, kind))}, params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


def picture(uri: str) -> Image.Image:
    assert uri.startswith("data:image/jpeg;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_an_answer_holds_every_field_of_the_contract(service_url: str, bundle: Path):
    answer = post(service_url)
    malignant = float(expected(RED)[1])
    assert answer["predicted_class"] == 1
    assert answer["class_name"] == "malignant"
    assert answer["confidence"] == answer["probability_positive"] == pytest.approx(100 * malignant, abs=0.011)
    assert answer["probability_positive"] + answer["probability_negative"] == pytest.approx(100, abs=0.011)
    assert answer["probabilities"] == pytest.approx({"benign": 1 - malignant, "malignant": malignant}, abs=1e-4)
    assert (answer["verdict"], answer["reasons"]) == ("accept", [])
    assert picture(answer["image"]).size == (40, 48)
    assert answer["heatmap"] is None
    assert answer["model"] == {
        "name": "lobule-tiny",
        "version": 7,
        "bundle": tree_digest(bundle),
        "dataset": "sha256:" + "a" * 64,
        "certificate": "sha256:" + "b" * 64,
        "operating_point": THRESHOLD,
        "leaking": False,
        "oracle": False,
    }
    assert len(answer["request_id"]) == 32
    assert answer["disclaimer"] == DISCLAIMER


@pytest.mark.parametrize("kind", ["application/dicom", "application/octet-stream"])
def test_a_dicom_image_is_answered_without_a_word_of_the_patient(service_url: str, kind: str):
    file = Path(pydicom.__file__).parent / "data" / "test_files" / "MR_small.dcm"
    response = web.post(f"{service_url}/predict", content=file.read_bytes(), headers={"Content-Type": kind})
    assert response.status_code == 200, response.text
    assert picture(response.json()["image"]).size == (64, 64)
    assert str(pydicom.dcmread(file).PatientName) == "CompressedSamples^MR1"
    assert "CompressedSamples" not in response.text


def test_the_heat_map_glows_where_the_predicted_class_is(service_url: str):
    image = plain(120, 0, 0, height=64, width=64)
    image[:32, :32] = (0, 120, 0)
    answer = post(service_url, image, explain="true", image="false")
    assert (answer["class_name"], answer["image"]) == ("malignant", None)
    heat = np.asarray(picture(answer["heatmap"]).convert("RGB"), dtype=float)
    assert heat[40:60, 40:60].mean() > heat[4:16, 4:16].mean() + 50
    assert np.abs(heat[4:16, 4:16] - (0, 120, 0)).max() < 10  # elsewhere the picture shows


@pytest.mark.parametrize("field", ["image", "file"])
def test_both_field_names_are_taken(service_url: str, field: str):
    response = web.post(f"{service_url}/predict", files={"note": ("n", b"other"), field: ("x", encode(RED), "text/plain")})
    assert response.json()["class_name"] == "malignant"


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream"])
def test_the_image_itself_may_be_the_body(service_url: str, kind: str):
    response = web.post(f"{service_url}/predict", content=encode(RED), headers={"Content-Type": kind})
    assert response.json()["probability_positive"] == post(service_url)["probability_positive"]


def test_a_body_in_chunks_without_a_length_is_taken(service_url: str):
    data = encode(RED)
    pieces = (data[start : start + 50] for start in range(0, len(data), 50))
    response = web.post(f"{service_url}/predict", content=pieces, headers={"Content-Type": "image/png"})
    assert response.json()["class_name"] == "malignant"


def modes() -> dict[str, tuple[bytes, np.ndarray]]:
    """Encoded images of unusual modes, and the RGB pixels that they mean."""
    ramp = np.tile(np.linspace(0, 65535, 40).astype(np.uint16), (48, 1))
    gray = np.repeat((ramp / 257).round().astype(np.uint8)[:, :, None], 3, axis=2)
    turned, buffer = Image.fromarray(RED), io.BytesIO()
    exif = turned.getexif()
    exif[0x0112] = 6  # turn right by 90 degrees to view
    turned.save(buffer, "PNG", exif=exif)
    cmyk, palette, clear = io.BytesIO(), io.BytesIO(), io.BytesIO()
    Image.fromarray(RED).convert("CMYK").save(cmyk, "TIFF")
    Image.fromarray(RED).convert("P", palette=Image.Palette.ADAPTIVE).save(palette, "PNG")
    Image.new("RGBA", (40, 48), (200, 0, 0, 0)).save(clear, "PNG")
    return {
        "sixteen bits": (encode(ramp), gray),
        "exif": (buffer.getvalue(), np.rot90(RED, -1)),
        "cmyk": (cmyk.getvalue(), RED),
        "palette": (palette.getvalue(), RED),
        "transparent": (clear.getvalue(), plain(255, 255, 255)),
    }


@pytest.mark.parametrize("name", ["sixteen bits", "exif", "cmyk", "palette", "transparent"])
def test_an_image_of_any_mode_means_its_pixels(service_url: str, name: str):
    data, pixels = modes()[name]
    answer = web.post(f"{service_url}/predict", files={"image": ("x", data)}).json()
    assert answer["probabilities"]["malignant"] == pytest.approx(expected(pixels)[1], abs=5e-3)
    assert picture(answer["image"]).size == pixels.shape[1::-1] or name == "transparent"


def test_the_service_scores_as_the_predictor_does(service_url: str, bundle: Path):
    images = list(np.random.default_rng(3).integers(0, 256, (12, 50, 60, 3), dtype=np.uint8))
    ours = [prediction.probabilities for prediction in Predictor.load(bundle).predict(images)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda image: post(service_url, image), images))
    theirs = [list(answer["probabilities"].values()) for answer in answers]
    assert np.array(theirs) == pytest.approx(np.array(ours), abs=2e-6)  # six decimals are sent
    assert len({answer["request_id"] for answer in answers}) == 12


def test_a_bad_image_of_a_batch_fails_alone(service_url: str):
    files = [("images", ("a", encode(RED))), ("images", ("b", b"text")), ("images", ("c", encode(plain(20, 200, 20))))]
    answer = web.post(f"{service_url}/predict/batch", files=files).json()
    assert [result.get("class_name") for result in answer["results"]] == ["malignant", None, "benign"]
    assert answer["results"][1]["error"]["code"] == "not_an_image"
    assert answer["model"]["version"] == 7
    assert answer["disclaimer"] == DISCLAIMER


def test_health_describes_the_model(service_url: str, bundle: Path):
    health = web.get(f"{service_url}/health").json()
    assert (health["status"], health["name"], health["version"], health["followed"]) == ("ok", "lobule-tiny", 7, False)
    assert (health["classes"], health["positive"]) == (["benign", "malignant"], "malignant")
    assert health["image"] == {"height": 32, "width": 32, "fit": "stretch"}
    assert health["operating_point"]["threshold"] == THRESHOLD
    assert health["bundle"] == tree_digest(bundle)
    assert health["certificate"] == "sha256:" + "b" * 64
    assert health["loaded_since"].endswith("+00:00")
    assert health["refused"] is None


def test_a_bundle_that_no_registry_knows_has_no_test_figures(service_url: str, bundle: Path):
    assert web.get(f"{service_url}/evaluation").json() == {"evaluation": None, "bundle": tree_digest(bundle)}


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/docs", "/openapi.json", "/health"])
def test_the_pages_beside_the_answers_are_there(service_url: str, path: str):
    assert web.get(service_url + path).status_code == 200


def test_docs_name_the_calls_and_load_nothing_from_elsewhere(service_url: str):
    page = web.get(f"{service_url}/docs").text
    assert "POST /predict/batch" in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_metrics_count_classes_and_verdicts(service_url: str):
    post(service_url)
    line = 'lobule_predictions_total{predicted_class="malignant",verdict="accept",version="7"}'
    assert line in web.get(f"{service_url}/metrics").text


def test_a_browser_may_run_nothing_foreign(service_url: str):
    headers = web.get(f"{service_url}/health").headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_the_log_names_no_file_and_no_path_of_a_client(service: Running):
    web.post(f"{service.url}/predict", files={"image": ("doe-jane.png", encode(RED))}, headers={"X-Request-ID": "doe-jane"})
    web.get(f"{service.url}/doe-jane")
    deadline = time.monotonic() + 5
    while '"route": "other"' not in service.told() and time.monotonic() < deadline:
        time.sleep(0.02)  # the line follows the answer
    assert '"route": "/predict"' in service.told()
    assert '"route": "other"' in service.told()
    assert "doe-jane" not in service.told()
