"""The dashboard in a real browser: what a person does with it, and what they see."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed; install the dev extra")
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")


class Page:
    """The open page: what a person does with it, and what they see."""

    def __init__(self, driver: "webdriver.Chrome", folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def choose(self, *paths: str) -> None:
        self.driver.find_element(By.ID, "file").send_keys("\n".join(paths))
        self.until(lambda: len(self.all(".entry")) >= len(paths) and not self.all(".badge.waiting, .badge.sending"))

    def all(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return "\n".join(element.text for element in self.all(selector))

    def run(self, script: str, *arguments: object):
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def until(self, condition: Callable[[], object], seconds: float = 10) -> None:
        try:
            wait = WebDriverWait(self.driver, seconds, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException])
            wait.until(lambda _: condition())
        except TimeoutException:
            raise AssertionError(f"the page did not get there; it shows:\n{self.text('body')}") from None

    def width(self, pixels: int) -> None:
        metrics = {"width": pixels, "height": 800, "deviceScaleFactor": 1, "mobile": pixels < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def media(self, name: str, value: str) -> None:
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": name, "value": value}]})


@contextmanager
def started() -> Iterator["webdriver.Chrome"]:
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip(f"the dashboard is tested in Chromium; install {CHROMIUM} and {DRIVER}")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


def opened(driver: "webdriver.Chrome", url: str, folder: Path) -> Page:
    page = Page(driver, folder)
    driver.get("about:blank")
    for kind in ("browser", "performance"):
        driver.get_log(kind)
    page.media("prefers-reduced-motion", "reduce")
    page.width(1200)
    driver.get(url + "/")
    page.until(lambda: page.text("#model-body dl"))
    return page
