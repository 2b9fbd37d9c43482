"""The dashboard in a real browser, against the real service. Scores are those of the tiny bundle, worked by hand."""

import base64
import json

import pytest
from dashboard_page import Page
from selenium.webdriver.common.keys import Keys
from tiny_bundle import encode, plain

DISCLAIMER = "Research use only. Not for clinical use."

MALIGNANT = plain(200, 55, 20)  # 4 (200 - 55) / 255 = 2.2745; 1 / (1 + exp(-2.2745)) = 0.907
NEAR_THE_THRESHOLD = plain(102, 153, 20)  # 4 (102 - 153) / 255 = -0.8; 1 / (1 + exp(0.8)) = 0.310
BLUE = plain(10, 10, 250)  # no reference image is blue


def test_a_chosen_image_gets_its_class_bars_heat_map_and_origin(page: Page) -> None:
    page.choose(page.file("red.png", encode(MALIGNANT)))
    assert page.text(".headline").lower() == "malignant"
    assert page.text(".verdict .title") == "Accepted"
    assert [line.lower() for line in page.text(".bars").split("\n")] == ["benign", "9.3 %", "malignant", "90.7 %"]
    track, fill = (page.run(f"return document.querySelector('.chosen .{part}').offsetWidth") for part in ("track", "fill"))
    assert fill / track == pytest.approx(0.907, abs=0.01)
    assert page.run("return document.querySelector('img.heat').naturalWidth") == 32
    assert "lobule-tiny, version 7" in page.text(".provenance")
    assert page.run("return document.getElementById('announce').textContent") == "red.png: Accepted, malignant, 90.7 %."


def test_the_mark_on_the_positive_bar_stands_at_the_operating_point(page: Page) -> None:
    page.choose(page.file("red.png", encode(MALIGNANT)))
    assert [mark.get_attribute("style") for mark in page.all(".mark")] == ["left: 31%;"]
    assert "malignant from 31.0 % on" in page.text(".point")


def test_an_image_at_the_threshold_gets_no_answer_and_the_reason(page: Page) -> None:
    page.choose(page.file("between.png", encode(NEAR_THE_THRESHOLD)))
    assert page.text(".headline") == "No answer"
    assert page.text(".verdict .title") == "Abstained"
    assert "31.0%" in page.text(".reasons")
    assert "no answer" in page.text(".entry")


def test_an_image_unlike_the_reference_is_called_out_of_distribution(page: Page) -> None:
    page.choose(page.file("blue.png", encode(BLUE)))
    assert page.text(".headline") == "No answer"
    assert page.text(".verdict .title") == "Out of distribution"
    assert "unlike" in page.text(".reasons")


def test_a_text_file_gets_the_message_and_the_remedy_of_the_service(page: Page) -> None:
    page.choose(page.file("notes.txt", b"not an image"))
    assert page.text(".problem h3") == "notes.txt was not classified"
    assert page.text(".message") == "The bytes are no PNG, JPEG, TIFF, BMP, WEBP, DICOM image."
    assert page.text(".remedy") == "What to do: Send an image file of one of these types."
    assert not page.all(".says button")  # trying again would not help


def test_a_file_above_the_limit_is_refused_before_it_is_sent(page: Page) -> None:
    page.choose(page.file("huge.png", bytes(20 * 2**20 + 1)))
    assert page.text(".message") == "An image may hold 20,971,520 bytes, but this file holds 20,971,521."


def test_several_images_are_listed_and_the_arrow_keys_walk_through_them(page: Page) -> None:
    paths = [page.file(f"{name}.png", encode(pixels)) for name, pixels in (("red", MALIGNANT), ("blue", BLUE))]
    page.choose(*paths)
    assert [entry.text.split("\n")[0] for entry in page.all(".entry")] == ["red.png", "blue.png"]
    page.run("document.querySelector('.entry').focus()")
    page.press(Keys.ARROW_DOWN)
    assert page.text(".verdict .title") == "Out of distribution"
    assert [entry.get_attribute("aria-current") for entry in page.all(".entry")] == ["false", "true"]
    page.all("#clear")[0].click()
    assert not page.all(".entry")
    assert "What the model can answer" in page.text("#result-body")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_an_image_may_be_dropped_or_pasted(page: Page, kind: str) -> None:
    script = """
      const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0)), data = new DataTransfer();
      data.items.add(new File([bytes], "given.png", { type: "image/png" }));
      const made = { drop: () => new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }),
                     paste: () => new ClipboardEvent("paste", { clipboardData: data, bubbles: true }) };
      document.body.dispatchEvent(made[arguments[1]]());
    """
    page.run(script, base64.b64encode(encode(MALIGNANT)).decode(), kind)
    page.until(lambda: page.text(".headline").lower() == "malignant")
    assert "given.png" in page.text("figcaption")


def test_everything_is_reached_and_worked_by_keyboard(page: Page) -> None:
    page.run("document.getElementById('file').addEventListener('click', (event) => { window.asked = true; event.preventDefault(); })")
    page.press(Keys.TAB)
    assert page.run("return document.activeElement.id") == "drop"
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press(Keys.ENTER)
    assert page.run("return window.asked") is True
    page.choose(page.file("red.png", encode(MALIGNANT)))
    seen = []
    for _ in range(30):
        page.press(Keys.TAB)
        name = page.run("const now = document.activeElement; return now.id || now.className || now.textContent")
        if name == "opacity" and name not in seen:
            page.press(*[Keys.ARROW_LEFT] * 4)
        seen.append(name)
    assert {"opacity", "save", "clear", "entry", "copy"} <= set(seen)
    assert page.text(".slider .value") == "80 %"
    assert float(page.run("return getComputedStyle(document.querySelector('img.heat')).opacity")) == pytest.approx(0.8)


def test_every_control_has_a_name_and_every_picture_a_text(page: Page) -> None:
    page.choose(page.file("red.png", encode(MALIGNANT)))
    names = [element.accessible_name for element in page.all("button, input, a") if element.is_displayed()]
    assert len(names) > 8
    assert all(names)
    assert all(image.get_attribute("alt") is not None for image in page.all("img"))
    assert [len(page.all(landmark)) for landmark in ("header", "main", "footer", "[role=status][aria-live=polite]")] == [1, 1, 1, 1]


@pytest.mark.parametrize("pixels", [320, 375, 768])
def test_no_width_scrolls_sideways(page: Page, pixels: int) -> None:
    page.width(pixels)
    long_name = "a" * 120 + ".png"
    page.choose(page.file(long_name, encode(MALIGNANT)), page.file("notes.txt", b"not an image"))
    for entry in page.all(".entry"):
        entry.click()
        assert page.run("const { scrollWidth, clientWidth } = document.documentElement; return scrollWidth - clientWidth") == 0


def test_the_disclaimer_stays_in_view_when_the_page_scrolls(page: Page) -> None:
    page.width(375)
    page.choose(page.file("red.png", encode(MALIGNANT)))
    page.run("window.scrollTo(0, document.body.scrollHeight)")
    assert page.text("#disclaimer") == DISCLAIMER
    assert page.run("return window.scrollY") > 300
    assert page.run("return document.getElementById('disclaimer').getBoundingClientRect().top") == 0


def test_nothing_is_logged_as_an_error_and_no_request_leaves_the_origin(page: Page, service_url: str) -> None:
    page.choose(page.file("red.png", encode(MALIGNANT)))
    page.all(".copy")[0].click()
    page.all("#save")[0].click()
    assert [entry["message"] for entry in page.driver.get_log("browser")] == []
    events = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    addresses = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert f"{service_url}/predict?explain=true" in addresses
    assert [address for address in addresses if not address.startswith((service_url + "/", "data:image/", "blob:" + service_url))] == []


def test_file_names_are_shown_as_text_and_never_sent(page: Page) -> None:
    page.run("const real = fetch; window.sent = []; window.fetch = (url, o) => (sent.push(o.body?.get('image').name), real(url, o))")
    name = "Jane <img src=x onerror=alert(1)> Doe.png"
    page.choose(page.file(name, encode(MALIGNANT)))
    assert page.text("figcaption .file") == name
    assert not page.all("img[src=x]")
    assert page.run("return sent") == ["image"]


def test_a_service_that_went_away_is_named_and_trying_again_works(page: Page) -> None:
    path = page.file("red.png", encode(MALIGNANT))
    page.driver.set_network_conditions(offline=True, latency=0, throughput=-1)
    try:
        page.choose(path)
        assert page.text(".message") == "The service cannot be reached."
    finally:
        page.driver.delete_network_conditions()
    page.all(".says button")[0].click()
    page.until(lambda: page.text(".headline").lower() == "malignant")


def test_the_card_of_the_model_tells_what_serves(page: Page) -> None:
    card = page.text("#model-body")
    for fact in (
        "lobule-tiny",
        "32 \u00d7 32 pixels, stretched",
        "positive",
        "31.0 %",
        "96.0 % (validation)",
        "0.900",
        "bbbbbbbbbbbb",
    ):
        assert fact in card
    assert page.text("#serving") == "lobule-tiny, version 7"


def test_motion_stops_for_those_who_ask(page: Page) -> None:
    duration = "return getComputedStyle(document.getElementById('drop')).transitionDuration"
    assert page.run(duration) == "0s"
    page.media("prefers-reduced-motion", "no-preference")
    assert page.run(duration) != "0s"
