"""One engine for all tests of images; an image is built when the first test asks for it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "serving"))  # tests hold no packages; helpers lie beside them
sys.path.insert(0, str(Path(__file__).parent))

import engine as engines

from components import images


@pytest.fixture(scope="package")
def engine():
    reason = engines.why_not()
    if reason:
        pytest.skip(reason)
    with engines.running_engine() as running:
        yield running


@pytest.fixture(scope="package")
def train_image(engine):
    engine.build("train")
    return f"lobule-train:{images.VERSION}"


@pytest.fixture(scope="package")
def serve_image(engine, train_image):  # after it, so that it finds most packages brought already
    engine.build("serve")
    return f"lobule-serve:{images.VERSION}"
