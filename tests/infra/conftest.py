"""Fixtures of the tests of infra/: overlays as kubectl renders them."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests hold no packages; their helpers lie beside them
sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))

from manifests import OVERLAYS, Overlay, render


@pytest.fixture(scope="session", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> Overlay:
    """Each overlay in turn."""
    return _rendered(request.param)


@pytest.fixture(scope="session")
def production() -> Overlay:
    """The overlay of a shared cluster."""
    return _rendered("production")


@pytest.fixture(scope="session")
def kind() -> Overlay:
    """The overlay that holds its own stores."""
    return _rendered("kind")


def _rendered(name: str) -> Overlay:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    return render(name)
