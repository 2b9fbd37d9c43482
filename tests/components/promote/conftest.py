import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def evidence() -> ModuleType:
    """The makers of reports and predictions."""
    spec = importlib.util.spec_from_file_location("promotion_evidence", Path(__file__).with_name("evidence.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
