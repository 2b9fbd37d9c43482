"""Two who decide at once, an alias moved by hand, a turn cut short, a ledger that was meddled with: on a real registry."""

import dataclasses
import json
from pathlib import Path

import pytest

from components.domain.errors import RefusedError
from components.domain.names import CHAMPION, TAG_DECISION
from components.promote import turn as turns
from components.promote.ledger import Entry
from components.promote.ledger_store import TAG_ENTRY, append, ledger_name, read_ledger
from components.promote.policy import Policy, policy_text
from components.promote.promotion import promote_version
from components.promote.registry import alias_of
from components.promote.turn import begin
from serving.registry import TAG_SIGNATURE
from serving.signature import sign_bundle

NAME = "lobule-test"


def promote(version, *, reason="", force=False):
    policy = Policy.from_toml(policy_text())
    return promote_version(NAME, version, policy=policy, reason=reason, force=force, actor="ann", cache=Path("unused"))


def move(version, before, by):
    return Entry(NAME, "decide", version, before, version, "promote", actor=by)


def test_of_two_turns_that_began_together_the_first_to_end_wins_and_the_other_is_told(client, register):
    first, second = register(letter="a"), register(letter="b")
    run_id = client.get_model_version(NAME, second).run_id
    one, other = begin(NAME, actor="ann"), begin(NAME, actor="bob")
    other.end(move(second, "", "bob"), run_id=run_id)
    with pytest.raises(RefusedError, match=r"another was written first \(entry 1, version 2: promote, champion none -> 2, by bob\)"):
        one.end(move(first, "", "ann"), run_id=run_id)
    history = read_ledger(NAME)
    assert alias_of(NAME, CHAMPION) == second and history.problems == ()
    assert [(record.entry.actor, record.state) for record in history.records] == [("bob", "valid"), ("ann", "overtaken")]
    assert promote(first, force=True, reason="after all").allows and alias_of(NAME, CHAMPION) == first
    assert read_ledger(NAME).problems == ()


def test_an_alias_moved_by_hand_is_recorded_before_the_next_decision(client, register, monkeypatch):
    first, second, third = register(wrong=15, letter="a"), register(letter="b"), register(letter="c")
    promote(first)
    promote(second)
    client.set_registered_model_alias(NAME, CHAMPION, first)
    with pytest.raises(RefusedError, match=r"is version 1, but the ledger says version 2 .* ask again then"):
        promote(third)  # a promotion may be ending this moment
    monkeypatch.setattr(turns, "SETTLE_SECONDS", 0.0)
    assert promote(third).allows
    history = read_ledger(NAME)
    assert history.problems == () and history.champion == third
    assert [(record.entry.action, record.entry.champion_after) for record in history.records] == [
        ("decide", "1"), ("decide", "2"), ("observe", "1"), ("decide", "3"),
    ]  # fmt: skip


def test_a_turn_cut_short_before_the_alias_moved_is_gone_over_by_the_next(client, register, monkeypatch):
    first, second = register(wrong=15, letter="a"), register(letter="b")
    promote(first)
    append(read_ledger(NAME), move(second, first, "ann"))  # and then the process died
    assert alias_of(NAME, CHAMPION) == first
    monkeypatch.setattr(turns, "SETTLE_SECONDS", 0.0)
    assert promote(second).allows and alias_of(NAME, CHAMPION) == second
    assert [record.entry.action for record in read_ledger(NAME).records] == ["decide", "decide", "observe", "decide"]


def test_a_refusal_is_an_entry_too_and_moves_nothing(register):
    first, worse = register(letter="a"), register(wrong=19, letter="b")
    promote(first)
    promote(worse)
    last = read_ledger(NAME).records[-1].entry
    assert (last.outcome, last.champion_before, last.champion_after) == ("reject", first, first)


@pytest.mark.parametrize("damage", ["rewritten", "deleted", "all deleted"])
def test_meddling_with_the_registry_is_found_and_stops_the_next_promotion(client, register, damage):
    first, second, third = register(wrong=15, letter="a"), register(letter="b"), register(letter="c")
    promote(first)
    promote(second)
    ledger = ledger_name(NAME)
    if damage == "rewritten":
        text = client.get_model_version(ledger, "1").tags[TAG_ENTRY]
        client.set_model_version_tag(ledger, "1", TAG_ENTRY, json.dumps(json.loads(text) | {"reason": "nicer"}))
    elif damage == "deleted":
        client.delete_model_version(ledger, "2")
    else:
        client.delete_registered_model(ledger)
    assert read_ledger(NAME).problems
    with pytest.raises(RefusedError, match=r"must be sound, but entry \d .*--force"):
        promote(third)
    assert alias_of(NAME, CHAMPION) == second


def test_entries_are_signed_where_a_key_is_set_and_another_key_is_not_taken_for_it(client, register, monkeypatch):
    monkeypatch.setenv("LOBULE_SIGNING_KEY", "ours")
    assert "must be signed with LOBULE_SIGNING_KEY, because that is set, but has none" in promote(register()).reasons[0]
    assert [record.signed for record in read_ledger(NAME).records] == ["valid"]
    forged = dataclasses.replace(read_ledger(NAME).records[0].entry, reason="nicer").to_json()
    client.set_model_version_tag(ledger_name(NAME), "1", TAG_ENTRY, forged)
    client.set_model_version_tag(NAME, "1", TAG_DECISION, forged)
    assert read_ledger(NAME).problems == ("entry 1 does not fit its signature: it was changed, or is forged",)
    monkeypatch.setenv("LOBULE_SIGNING_KEY", "theirs")
    assert [record.signed for record in read_ledger(NAME).records] == ["other key"]


def test_a_bundle_signed_with_the_key_passes_and_one_signed_with_another_does_not(client, register, monkeypatch):
    first = register()
    bundle = client.get_model_version(NAME, first).tags["lobule.bundle"]
    client.set_model_version_tag(NAME, first, TAG_SIGNATURE, sign_bundle(bundle, "theirs"))
    monkeypatch.setenv("LOBULE_SIGNING_KEY", "ours")
    refused = promote(first)
    assert refused.outcome == "reject" and "but has another one" in refused.reasons[0]
    client.set_model_version_tag(NAME, first, TAG_SIGNATURE, sign_bundle(bundle, "ours"))
    assert promote(first).outcome == "promote"
