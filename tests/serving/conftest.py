"""Fixtures of the serving tests: a tiny real bundle, and a real service that serves it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests hold no packages; their helpers lie beside them

from service_process import Running, running_service
from tiny_bundle import write_bundle

if TYPE_CHECKING:
    from dashboard_page import Page, webdriver


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose scores depend on mean colour (see `tiny_bundle`)."""
    return write_bundle(tmp_path_factory.mktemp("tiny") / "bundle")


@pytest.fixture(scope="session")
def service(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`bentoml serve` with default limits, open to all; its home is the directory of `service.output`."""
    with running_service(tmp_path_factory.mktemp("service"), LOBULE_BUNDLE=str(bundle), LOBULE_MODEL_VERSION="7") as running:
        yield running


@pytest.fixture(scope="session")
def service_url(service: Running) -> str:
    """Base URL of a running service."""
    return service.url


@pytest.fixture(scope="session")
def browser() -> Iterator["webdriver.Chrome"]:
    """One headless browser for all dashboard tests."""
    from dashboard_page import started  # it needs selenium

    with started() as driver:
        yield driver


@pytest.fixture
def page(browser: "webdriver.Chrome", service_url: str, tmp_path: Path) -> "Page":
    """The dashboard of the running service, just opened."""
    from dashboard_page import opened

    return opened(browser, service_url, tmp_path)
