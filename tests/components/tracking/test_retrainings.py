"""At most one retraining of a model in a cool-down, however many ask: on a real registry."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import mlflow
import pytest

from components.domain.errors import RefusedError
from components.tracking.retrainings import TAG_STATE, begin, claim, conclude, ended, read_retrainings, require_cooled
from components.tracking.store import connect

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("LOBULE_HOME", str(tmp_path_factory.mktemp("home")))
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    patch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    connect()
    yield mlflow.MlflowClient()
    patch.undo()
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


def ask(model: str, run: str, cool_down: timedelta = DAY):
    return claim(model, "3", run=run, reason="drift in brightness", actor="ann", cool_down=cool_down)


def test_a_claim_is_read_back_with_who_why_and_when(store):
    claimed = ask("alone", "run-1")
    (found,) = read_retrainings("alone")
    assert found == claimed
    assert (found.of, found.run, found.reason, found.actor, found.state) == ("3", "run-1", "drift in brightness", "ann", "begun")


def test_a_second_one_within_the_cool_down_is_refused_and_told_when_it_may_begin(store):
    ask("hot", "run-1")
    conclude("hot", 1, run="run-1", state=ended("4", "reject", applied=True))
    with pytest.raises(RefusedError, match=r"at most once in 24 hours, but run run-1 began 2.* \(version 4: the gate says reject"):
        ask("hot", "run-2")
    with pytest.raises(RefusedError, match="at most once in 7 days"):
        require_cooled("hot", timedelta(days=7))
    assert [each.run for each in read_retrainings("hot")] == ["run-1"]


def test_after_the_cool_down_the_next_may_begin(store):
    ask("cold", "run-1")
    assert ask("cold", "run-2", timedelta(0)).number == 2
    assert [each.run for each in read_retrainings("cold")] == ["run-1", "run-2"]


def test_of_four_that_claim_at_once_one_wins(store):
    ask("race", "run-0")

    def attempt(number: int) -> str:
        try:
            return ask("race", f"run-{number}", timedelta(0)).run
        except RefusedError as error:
            return str(error)

    rounds = 0
    for _ in range(5):  # they need not collide each time
        with ThreadPoolExecutor(4) as pool:
            said = list(pool.map(attempt, range(1, 5)))
        rounds += any("another was claimed first" in each for each in said)
        if rounds:
            break
    assert rounds
    versions = store.search_model_versions("name = 'race.retrainings'")
    overtaken = [each for each in versions if each.tags[TAG_STATE].startswith("overtaken")]
    assert len(overtaken) + len(read_retrainings("race")) == len(versions)
    assert overtaken


def test_a_deleted_entry_does_not_block_the_next(store):
    ask("gap", "run-1")
    ask("gap", "run-2", timedelta(0))
    store.delete_model_version("gap.retrainings", "2")
    assert ask("gap", "run-3", timedelta(0)).number == 3
    assert [each.run for each in read_retrainings("gap")] == ["run-1", "run-3"]


def test_its_page_is_no_model_of_the_list(store):
    from pipelines.cli.stored import model_names

    ask("listed", "run-1")
    assert model_names() == []


def test_its_run_says_what_it_replaces_why_and_how_it_ended_and_keeps_its_status(store):
    claimed = begin("noted", "3", run="run-9", reason="drift in brightness", actor="ann", cool_down=DAY)
    (run,) = mlflow.search_runs(["1"], filter_string="tags.`lobule.run` = 'run-9'", output_format="list")
    store.set_terminated(run.info.run_id, "FAILED")
    conclude("noted", claimed.number, run="run-9", state="failed: no images")
    after = mlflow.get_run(run.info.run_id)
    assert after.info.status == "FAILED"
    tags = {key.removeprefix("lobule."): value for key, value in after.data.tags.items() if key.startswith("lobule.retrains")}
    assert tags == {"retrains": "noted/3", "retrains.reason": "drift in brightness", "retrains.outcome": "failed: no images"}
