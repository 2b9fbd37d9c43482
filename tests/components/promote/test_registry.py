"""The registry against a real MLflow on SQLite."""

import hashlib
import json
from pathlib import Path

import mlflow
import pytest

from components.domain.errors import InputError, RefusedError
from components.domain.names import CHAMPION, TAG_BUNDLE, TAG_DECISION, TAG_LEAKING, TAG_ORACLE
from components.promote.ledger import Entry
from components.promote.ledger_store import read_ledger
from components.promote.policy import Policy, policy_text
from components.promote.promotion import decide_version, promote_version
from components.promote.registry import alias_of, move_champion
from components.promote.wording import told

NAME = "lobule-test"


def promote(version, *, reason="", force=False):
    policy = Policy.from_toml(policy_text())
    return promote_version(NAME, version, policy=policy, reason=reason, force=force, actor="ann", cache=Path("unused"))


def entries(version):
    history = read_ledger(NAME)
    assert history.problems == ()
    return [record.entry for record in history.counted if record.entry.version == version and record.entry.action == "decide"]


def kept(client, version):
    """The decisions that the version's run keeps, as text by file name."""
    run = client.get_model_version(NAME, version).run_id
    files = [file.path for file in client.list_artifacts(run) if file.path.startswith("promotion-")]
    return {path: mlflow.artifacts.load_text(f"runs:/{run}/{path}") for path in sorted(files)}


def test_the_first_champion_is_compared_with_nothing_and_written_down(client, register):
    decision = promote(register(), reason="first")
    assert decision.outcome == "promote" and "compared with nothing" in decision.reasons[0]
    assert alias_of(NAME, CHAMPION) == "1"
    written = Entry.from_json(client.get_model_version(NAME, "1").tags[TAG_DECISION])
    assert (written.actor, written.reason, written.champion_before, written.champion_after) == ("ann", "first", "", "1")
    assert written.digests["test"].startswith("sha256:") and set(written.digests) >= {"report", "policy", "decision"}
    assert entries("1") == [written]
    assert written.account.partition("@")[0] and written.time.endswith("+00:00")
    document, page = kept(client, "1").values()
    assert json.loads(document)["outcome"] == "promote" and page.startswith(f"# {NAME} version 1: promote")
    assert written.digests["decision"] == "sha256:" + hashlib.sha256(document.encode()).hexdigest()


def test_a_better_challenger_takes_over_and_a_worse_one_does_not(client, register):
    first, better, worse = register(wrong=15, letter="a"), register(wrong=0, letter="b"), register(wrong=19, letter="c")
    assert promote(first).allows and promote(better).allows
    assert alias_of(NAME, CHAMPION) == better
    refused = promote(worse)
    assert (refused.outcome, refused.allows, alias_of(NAME, CHAMPION)) == ("reject", False, better)
    [entry] = entries(worse)
    assert (entry.outcome, entry.champion_before, entry.champion_after) == ("reject", better, better)


def test_to_decide_changes_nothing(client, register):
    version = register()
    assert decide_version(NAME, version, policy=Policy.from_toml(policy_text()), cache=Path("unused")).outcome == "promote"
    assert alias_of(NAME, CHAMPION) == "" and TAG_DECISION not in client.get_model_version(NAME, version).tags


def test_force_overrules_the_gate_with_a_reason_and_says_so(client, register):
    first, other = register(letter="a"), register(letter="b", test="u")
    promote(first)
    assert promote(other).outcome == "cannot tell" and alias_of(NAME, CHAMPION) == first
    with pytest.raises(InputError, match="must say why"):
        promote(other, force=True)
    decision = promote(other, force=True, reason="new test set")
    assert (decision.outcome, decision.forced, alias_of(NAME, CHAMPION)) == ("cannot tell", True, other)
    assert [(entry.forced, entry.champion_after) for entry in entries(other)] == [(False, first), (True, other)]


def test_a_gate_that_agrees_is_not_called_forced(register):
    assert promote(register(), force=True, reason="sure").forced is False


@pytest.mark.parametrize("leak", [{"leaking": True}, {"tags": {TAG_LEAKING: "true"}}, {"oracle": True}, {"tags": {TAG_ORACLE: "true"}}])
def test_a_leaking_model_or_an_oracle_is_never_champion_forced_or_not(register, leak):
    version = register(**leak)
    assert promote(version).outcome == "reject"
    with pytest.raises(RefusedError, match="never champion"):
        promote(version, force=True, reason="please")
    assert alias_of(NAME, CHAMPION) == ""


def test_promoting_the_champion_again_changes_nothing(client, register):
    version = register()
    promote(version)
    again = promote(version)
    assert again.allows and "already" in again.reasons[0] and len(entries(version)) == 1


def test_a_champion_without_evidence_cannot_be_compared_with(client, register):
    first, second = register(report=False), register(letter="b")
    client.set_registered_model_alias(NAME, CHAMPION, first)
    decision = promote(second)
    assert decision.outcome == "cannot tell" and "has no evidence" in decision.reasons[0]
    assert alias_of(NAME, CHAMPION) == first


def test_a_version_that_was_never_evaluated_is_not_promoted_even_forced(register):
    version = register(report=False)
    with pytest.raises(InputError, match=r"must hold report\.json"):
        promote(version, force=True, reason="please")


def test_a_report_of_another_bundle_is_no_evidence(register):
    with pytest.raises(InputError, match="of its own bundle"):
        promote(register(tags={TAG_BUNDLE: "sha256:" + "9" * 64}))


@pytest.mark.parametrize(("name", "version"), [(NAME, "7"), (NAME, "seven"), ("lobule-none", "1")])
def test_what_is_not_registered_is_named(client, name, version):
    with pytest.raises(InputError, match="there is no"):
        promote_version(name, version, policy=Policy.from_toml(policy_text()), reason="", force=False, actor="ann", cache=Path("unused"))


def test_a_decision_reads_as_a_page(register):
    first, worse = register(letter="a"), register(wrong=19, letter="b")
    promote(first)
    page = told(promote(worse), name=NAME, version=worse, applied=True)
    assert page.startswith(f"# {NAME} version 2: reject\n") and "The champion stays." in page and "| sensitivity | -0.190 |" in page


def test_a_champion_that_moved_meanwhile_stops_the_promotion(client, register):
    first, second = register(letter="a"), register(letter="b")
    client.set_registered_model_alias(NAME, CHAMPION, first)
    with pytest.raises(RefusedError, match="was moved meanwhile"):
        move_champion(NAME, second, before="")
    assert alias_of(NAME, CHAMPION) == first
