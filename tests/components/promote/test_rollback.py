"""A rollback on real registered bundles: alias, operating point and drift reference come back together, for service and monitor."""

import mlflow
import numpy as np
import pytest

from components.domain.candidates import Candidates
from components.domain.errors import InputError, RefusedError
from components.domain.names import CHAMPION, TAG_LEAKING
from components.monitor.window import read_reference
from components.promote.ledger import Entry
from components.promote.ledger_store import append, ledger_name, read_ledger
from components.promote.registry import alias_of
from components.promote.rollback import roll_back
from components.promote.turn import begin
from components.register.register import register_model
from components.tracking.mlflow_tracker import open_run
from serving.contract import Card
from serving.follow import Follower
from serving.registry import resolve
from serving.slot import Slot

NAME = "lobule-tiny"
POINT = {"target_sensitivity": 0.95, "sensitivity": 0.96, "specificity": 0.8}


@pytest.fixture
def models(store, bundles, write_dataset, tmp_path):
    """Three registered versions, each with a threshold and a reference of its own; 1 and then 2 became champion."""
    dataset = write_dataset(tmp_path / "dataset", bundles)
    for number, threshold in enumerate((0.31, 0.62, 0.5), start=1):
        candidates = tmp_path / f"candidates-{number}"
        weights = bundles.WEIGHTS * np.float32(1 / number)
        bundles.write_bundle(candidates / "seed-0", weights=weights, operating_point={"threshold": threshold, **POINT})
        Candidates("seed-0", {"seed-0": 0.9}).write(candidates)
        with open_run(f"{tmp_path.name}-{number}") as tracker:
            if number == 2:
                ends = {"test interval/auc_low": 0.85, "test interval/auc_high": 0.95}
                tracker.metrics({"test/auc": 0.9, **ends, "test/sensitivity": 0.9})
            assert register_model(candidates, dataset, run=f"{tmp_path.name}-{number}", tracker=tracker) == str(number)
    for version in ("1", "2"):
        turn = begin(NAME, actor="ann")
        turn.end(Entry(NAME, "decide", version, turn.champion, version, "promote"), run_id="")
    yield tmp_path
    for name in (NAME, ledger_name(NAME)):
        store.delete_registered_model(name)


def back(to="", *, reason="false alarms", folder):
    return roll_back(NAME, to, reason=reason, actor="ann", tracking_uri=mlflow.get_tracking_uri(), cache=folder / "cache")


def test_the_registry_says_of_each_version_what_it_is_and_reaches(models, store):
    said = [store.get_model_version(NAME, version).description for version in ("1", "2")]
    assert said == ["tiny; not evaluated", "tiny; test auc 0.900 [0.850, 0.950]"]


def test_service_and_monitor_follow_with_operating_point_and_reference(models):
    uri, slot = mlflow.get_tracking_uri(), Slot()
    follower = Follower(slot, f"{NAME}@champion", tracking_uri=uri, cache=models / "cache")

    def watched():
        bundle = resolve(f"{NAME}@champion", tracking_uri=uri, cache=models / "cache").bundle
        assert read_reference(bundle)
        return Card.read(bundle).operating_point.threshold, (bundle / "reference.parquet").read_bytes()

    assert follower.check() and (slot.current.version, slot.current.predictor.card.operating_point.threshold) == ("2", 0.62)
    threshold, reference = watched()
    assert threshold == 0.62
    record = back(folder=models)
    assert (record.entry.champion_before, record.entry.champion_after, record.entry.reason) == ("2", "1", "false alarms")
    assert follower.check() and (slot.current.version, slot.current.predictor.card.operating_point.threshold) == ("1", 0.31)
    assert record.entry.digests["bundle"] == slot.current.predictor.digest
    assert watched()[0] == 0.31 and watched()[1] != reference
    history = read_ledger(NAME)
    assert history.problems == () and history.champion == alias_of(NAME, CHAMPION) == "1"
    with pytest.raises(RefusedError, match="had none; name a version with --to"):
        back(folder=models)
    assert back("2", folder=models).entry.champion_after == "2"


def test_what_cannot_be_rolled_back_to_is_refused_and_nothing_moves(models, store):
    with pytest.raises(InputError, match="must say why"):
        back(reason=" ", folder=models)
    with pytest.raises(RefusedError, match="version 3 of lobule-tiny never was one; ask the gate"):
        back("3", folder=models)
    with pytest.raises(RefusedError, match="must change the champion"):
        back("2", folder=models)
    with pytest.raises(InputError, match="there is no version '9'"):
        back("9", folder=models)
    store.set_model_version_tag(NAME, "1", TAG_LEAKING, "true")
    with pytest.raises(RefusedError, match="a leaking model is never champion"):
        back(folder=models)
    store.set_model_version_tag(NAME, "1", TAG_LEAKING, "false")
    store.set_model_version_tag(NAME, "1", "lobule.bundle", "sha256:" + "0" * 64)
    with pytest.raises(RefusedError, match=r"must serve, but version 1 of lobule-tiny does not: .*must have the digest"):
        back(folder=models)
    assert alias_of(NAME, CHAMPION) == "2" and read_ledger(NAME).places == 2


def test_a_rollback_goes_back_behind_an_alias_moved_by_hand(models, store):
    append(read_ledger(NAME), Entry(NAME, "observe", "3", "2", "3"))
    store.set_registered_model_alias(NAME, CHAMPION, "3")
    assert back(folder=models).entry.champion_after == "2" == alias_of(NAME, CHAMPION)
