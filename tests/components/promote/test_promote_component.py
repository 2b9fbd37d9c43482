"""The component's body with a real KFP artifact and a real MLflow store."""

import logging

import mlflow
import pytest
from kfp import dsl

from components.domain.names import CHAMPION
from components.promote.component import promote
from components.promote.policy import Policy, policy_text
from components.promote.registry import alias_of

NAME = "lobule-component"


@pytest.fixture(autouse=True)
def steps_log():
    """A task's process sets up its own log; other tests' must stay as it was."""
    logger = logging.getLogger("components")
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = handlers, level, propagate


@pytest.fixture
def version(store, tmp_path, evidence):
    """A registered version with its report."""
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(evidence.write(tmp_path / "report", *evidence.model())))
    store.create_registered_model(NAME)
    yield str(store.create_model_version(NAME, str(tmp_path / "report"), run_id=run.info.run_id).version)
    for registered in store.search_registered_models(f"name LIKE '{NAME}%'"):
        store.delete_registered_model(registered.name)


def test_a_task_shows_first_and_moves_the_alias_only_when_told_to(version, tmp_path):
    page = dsl.Markdown(name="decision", uri=str(tmp_path / "decision"), metadata={})
    given = {
        "dataset": dsl.Dataset(name="dataset", uri=str(tmp_path / "dataset"), metadata={}),
        "name": NAME,
        "version": version,
        "policy": Policy.from_toml(policy_text()).to_json(),
        "run": "run-1",
        "actor": "ann",
        "code": "x",
        "decision": page,
    }
    assert promote.python_func(**given, apply=False) == "promote"
    assert alias_of(NAME, CHAMPION) == "" and "Nothing was changed" in (tmp_path / "decision").read_text()
    assert [promote.python_func(**given, apply=True) for _ in range(2)] == ["promote", "promote"]  # the second is a retry
    assert alias_of(NAME, CHAMPION) == version and "It is champion." in (tmp_path / "decision").read_text()


def test_a_wrong_policy_ends_the_task_with_one_line(version, tmp_path, capfd):
    page = dsl.Markdown(name="decision", uri=str(tmp_path / "decision"), metadata={})
    with pytest.raises(SystemExit) as end:
        promote.python_func(
            dataset=page, name=NAME, version=version, policy="strict = true", run="r", actor="", code="x", apply=True, decision=page
        )
    assert end.value.code == 2
    assert "[promote] error: the policy must be the JSON of a policy" in capfd.readouterr().err
