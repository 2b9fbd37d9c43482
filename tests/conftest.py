"""How tests are dealt to several processes (`pytest -n 3`): what shares an engine, a store or a trained model stays together."""

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
