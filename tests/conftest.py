"""How tests are dealt to several processes (`pytest -n 3`): what shares an engine, a store or a trained model stays together.

What else runs in a process, and in which order, differs from run to run: so no test leaves an address of MLflow behind.
"""

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadFileScheduling

TOGETHER = ("tests/components", "tests/infra/images")
"""Below these a folder stays together, elsewhere a file: its fixtures are made once, and leave a state that others need not expect."""
LONGEST = (
    "tests/infra/images",
    "tests/pipelines",
    "tests/components/train",
    "tests/components/learning",
    "tests/components/tune",
    "tests/mlflow",
)
"""Begun first, so that no process is left alone with one of them at the end."""
ADDRESSES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "_MLFLOW_SERVER_ARTIFACT_ROOT")
"""Variables that MLflow, or our own code for it, writes into the environment when a store is chosen."""


def _restored() -> Iterator[None]:
    before = {name: os.environ[name] for name in ADDRESSES if name in os.environ}
    yield
    for name in ADDRESSES:
        os.environ.pop(name, None)
    os.environ.update(before)


@pytest.fixture(autouse=True, scope="module")
def no_address_stays_of_a_file() -> Iterator[None]:
    """Bring the variables back when a file's own fixtures have ended: `mlflow.set_registry_uri(None)` does not."""
    yield from _restored()


@pytest.fixture(autouse=True)
def no_address_stays() -> Iterator[None]:
    """Bring the variables back to what they were; those of fixtures that several tests share stay."""
    yield from _restored()


class Dealer(LoadFileScheduling):
    """Deals tests by the folder or the file that they stand in, in order."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.split("::", 1)[0])
        return str(file.parent if str(file).startswith(TOGETHER) else file)


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> Dealer:
    return Dealer(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        return next((place for place, folder in enumerate(LONGEST) if item.nodeid.startswith(folder)), len(LONGEST))

    items.sort(key=turn)
