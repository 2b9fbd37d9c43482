"""The tiny bundle of the serving tests, built into a Bento once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "serving"))  # tests hold no packages; their helpers lie beside them


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tiny_bundle import write_bundle

    return write_bundle(tmp_path_factory.mktemp("package") / "bundle")


@pytest.fixture(scope="session")
def bento(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from components.package.bento import package_bundle

    output = tmp_path_factory.mktemp("bento") / "tiny"
    assert package_bundle(tiny, output, name="lobule-tiny", version="7") == "lobule-tiny:7"
    return output
