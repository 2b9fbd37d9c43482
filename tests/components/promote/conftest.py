import importlib.util
from pathlib import Path
from types import ModuleType

import mlflow
import pytest

from components.domain.names import TAG_BUNDLE, TAG_LEAKING
from components.promote.ledger_store import ledger_name
from components.tracking.store import connect

NAME = "lobule-test"


def load(path: Path) -> ModuleType:
    """Import a file of the tests, which are no packages."""
    spec = importlib.util.spec_from_file_location(f"for_promotion_{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def evidence() -> ModuleType:
    """The makers of reports and predictions."""
    return load(Path(__file__).with_name("evidence.py"))


@pytest.fixture(scope="session")
def bundles() -> ModuleType:
    """The tiny bundle that the tests of serving use."""
    return load(Path(__file__).parents[2] / "serving" / "tiny_bundle.py")


@pytest.fixture(scope="session")
def write_dataset():
    """Writes the data set of plain colours that the tests of evaluation use."""
    return load(Path(__file__).parents[1] / "evaluate" / "conftest.py").write_dataset


@pytest.fixture(scope="package")
def store(tmp_path_factory):
    """One fresh store for all: making one takes seconds."""
    patch = pytest.MonkeyPatch()
    patch.setenv("LOBULE_HOME", str(tmp_path_factory.mktemp("home")))
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    patch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    connect()
    yield mlflow.MlflowClient()
    patch.undo()
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


@pytest.fixture
def client(store):
    store.create_registered_model(NAME)
    yield store
    store.delete_registered_model(NAME)
    if store.search_registered_models(f"name = '{ledger_name(NAME)}'"):
        store.delete_registered_model(ledger_name(NAME))


@pytest.fixture
def register(client, evidence, tmp_path):
    """Register a made-up model with its report; returns the version."""

    def make(*, report: bool = True, tags: dict[str, str] | None = None, **model) -> str:
        count = len(client.search_model_versions(f"name = '{NAME}'"))
        with mlflow.start_run() as run:
            made, predictions = evidence.model(**model)
            directory = evidence.write(tmp_path / f"report-{count}", made, predictions)
            if report:
                mlflow.log_artifacts(str(directory))
        version = client.create_model_version(
            NAME, str(directory), run_id=run.info.run_id, tags={TAG_BUNDLE: made.bundle, TAG_LEAKING: "false", **(tags or {})}
        )
        return str(version.version)

    return make
