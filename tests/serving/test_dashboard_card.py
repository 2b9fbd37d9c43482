"""The dashboard in a real browser: work in progress, the model's card, keys, links, paper, and what assistive technology meets.

The rules are those of axe-core 4.14 that broke here once; axe itself found nothing more in any state, on both themes and widths.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboard_page import Page, opened, webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from service_process import Running, running_service
from tiny_bundle import encode, plain

DISCLAIMER = "Research use only. Not for clinical use."
MALIGNANT = plain(200, 55, 20)  # probability 0.907, see `test_dashboard`
HANG = """
  const real = fetch;
  window.letThrough = () => (window.fetch = real);
  window.fetch = (url, options) => String(url).startsWith("/predict")
    ? new Promise((_, reject) => options.signal.addEventListener("abort", () => reject(options.signal.reason)))
    : real(url, options);
"""


def test_work_in_progress_is_counted_and_may_be_cancelled_and_tried_again(page: Page) -> None:
    page.run(HANG)
    paths = [page.file(f"{name}.png", encode(MALIGNANT)) for name in ("one", "two")]
    page.driver.find_element(By.ID, "file").send_keys("\n".join(paths))
    page.until(lambda: page.text("#progress-text") == "0 of 2 images classified")
    assert page.all("#progress progress")[0].accessible_name == "0 of 2 images classified"
    page.all("#cancel")[0].click()
    page.until(lambda: page.text(".badge") == "Cancelled\nCancelled")
    assert not page.all("#progress")[0].is_displayed()
    assert page.text(".message") == "It was cancelled before an answer came."
    page.run("letThrough()")
    page.all(".says button")[0].click()
    page.until(lambda: page.text(".headline").lower() == "malignant")
    assert page.text(".badge") == "Accepted\nCancelled"


def test_the_figures_of_the_test_split_come_with_their_intervals(page: Page) -> None:
    assert "0.900" in page.text("#figures")  # on validation, until the registry tells more
    metrics = {"auc": {"value": 0.9424, "low": 0.9, "high": 0.97}, "sensitivity": {"value": 0.906, "low": 0.75, "high": 1}}
    page.run(
        "return import('/static/model.js').then((card) => card.drawEvaluation(document.getElementById('model-body'), ...arguments))",
        {"images": 126, "groups": 94, "metrics": metrics},
        {"positive": "malignant"},
    )
    shown = page.text("#figures").split("\n")
    assert shown[:5] == ["Reached on test images", "AUC", "0.942 [0.900, 0.970]", "Sensitivity for malignant", "0.906 [0.750, 1.000]"]
    assert shown[5].startswith("126 test images in 94 groups that no training saw.")


def test_the_card_says_what_the_model_is_not_for(page: Page) -> None:
    assert "Diagnosis, screening, triage or treatment" in page.text("#model-body")
    assert not page.all(".links")  # none is configured


def test_what_is_seen_on_a_control_begins_its_name(page: Page) -> None:
    page.choose(page.file("red.png", encode(MALIGNANT)))
    controls = [element for element in page.all("button") if element.is_displayed()]
    seen = [(" ".join(element.text.split()), element.accessible_name) for element in controls]
    assert "red.png malignant, 90.7 % Accepted" in [text for text, _ in seen]
    assert [pair for pair in seen if not " ".join(pair[1].split()).startswith(pair[0])] == []


def test_what_has_the_focus_is_never_under_the_disclaimer(page: Page) -> None:
    page.width(360)
    page.choose(page.file("red.png", encode(MALIGNANT)), page.file("notes.txt", b"not an image"))
    page.run("window.scrollTo(0, document.body.scrollHeight)")
    for element in reversed(page.all("button:not([hidden]), input[type=range]")):
        page.run("arguments[0].focus()", element)
        top, bar = page.run(
            "const bar = document.getElementById('disclaimer'), now = document.activeElement;"
            "return [now.getBoundingClientRect().top, bar.getBoundingClientRect().bottom]"
        )
        assert top >= bar or page.run("return window.scrollY") == 0


def test_paper_gets_the_result_and_the_disclaimer_without_controls(page: Page) -> None:
    page.choose(page.file("red.png", encode(MALIGNANT)))
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert page.text("#disclaimer") == DISCLAIMER
        assert page.text(".headline").lower() == "malignant"
        assert not any(element.is_displayed() for element in page.all("#drop, #save, #clear, #opacity, .hint"))
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


LINKS = {"LOBULE_MLFLOW_URL": "https://mlflow.example/", "LOBULE_DRIFT_URL": "https://drift.example/newest.html"}


@pytest.fixture(scope="module")
def locked_service(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_service(tmp_path_factory.mktemp("locked"), LOBULE_BUNDLE=str(bundle), LOBULE_API_KEYS="open-sesame", **LINKS) as running:
        yield running


def test_mlflow_and_the_drift_report_are_linked_where_they_are_configured(
    browser: "webdriver.Chrome", locked_service: Running, tmp_path: Path
) -> None:
    page = opened(browser, locked_service.url, tmp_path)
    links = {link.text: link.get_attribute("href") for link in page.all(".links a")}
    assert links == {"Runs and versions in MLflow": "https://mlflow.example/", "Drift report": "https://drift.example/newest.html"}


def test_a_key_is_asked_for_kept_in_memory_and_lets_waiting_images_through(
    browser: "webdriver.Chrome", locked_service: Running, tmp_path: Path
) -> None:
    page = opened(browser, locked_service.url, tmp_path)
    assert page.all("#key-form")[0].is_displayed()
    browser.find_element(By.ID, "file").send_keys(page.file("red.png", encode(MALIGNANT)))
    page.until(lambda: page.run("return document.activeElement.id") == "key")
    page.press(*"wrong", Keys.ENTER)
    page.until(lambda: "did not accept this key" in page.text("#key-error"))
    page.press(*"open-sesame", Keys.ENTER)
    page.until(lambda: page.text(".headline").lower() == "malignant")
    assert not page.all("#key-form")[0].is_displayed()
    assert page.run("return [document.cookie, localStorage.length, sessionStorage.length, document.getElementById('key').value]") == [
        "",
        0,
        0,
        "",
    ]
