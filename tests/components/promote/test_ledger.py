"""The chain: what a changed, removed, moved or forged entry does to it. No registry is needed to say so."""

import dataclasses
import random
from datetime import UTC, datetime

import pytest

from components.promote.ledger import Entry, Kept, verify
from components.promote.reigns import predecessor, reign_at, reigns, stray
from serving.signature import sign

KEY = "a key"


def chain(*moves, key=KEY):
    """A ledger of (action, champion after), one entry a minute from 12:00."""
    kept, champion, last = [], "", ""
    for place, (action, after) in enumerate(moves, start=1):
        time = f"2026-01-02T12:{place:02}:00.000+00:00"
        entry = Entry("m", action, after or champion, champion, after, "promote", reasons=("x",), time=time, sequence=place, previous=last)
        kept.append(Kept(place, entry.to_json(), sign(entry.to_json(), key)))
        champion, last = after, kept[-1].digest
    return kept


def three():
    return chain(("decide", "1"), ("decide", "2"), ("decide", "3"))


def changed(each, **values):
    text = dataclasses.replace(Entry.from_json(each.text), **values).to_json()
    return dataclasses.replace(each, text=text)


def test_an_entry_survives_its_json():
    entry = Entry("m", "decide", "2", "1", "2", reasons=("a", "b"), digests={"test": "t"}, time="2026-01-02T03:04:05+00:00", sequence=4)
    assert Entry.from_json(entry.to_json()) == entry


def test_a_sound_ledger_has_no_problems_in_whatever_order_it_is_read():
    kept = three()
    random.Random(0).shuffle(kept)
    history = verify("m", kept, key=KEY)
    assert history.problems == () and [record.state for record in history.records] == ["valid"] * 3
    assert {record.signed for record in history.records} == {"valid"} and history.champion == "3"
    assert verify("m", []).problems == ()


@pytest.mark.parametrize(
    ("case", "damage", "said"),
    [
        ("a reason rewritten", lambda k: [changed(k[0], reason="nicer"), *k[1:]], "entry 2 does not follow entry 1"),
        ("an outcome rewritten", lambda k: [k[0], changed(k[1], outcome="reject"), k[2]], "entry 3 does not follow entry 2"),
        ("an entry deleted", lambda k: [k[0], k[2]], "entry 2 is missing"),
        ("the first deleted", lambda k: k[1:], "entry 1 is missing"),
        (
            "two exchanged",
            lambda k: [k[0], dataclasses.replace(k[2], place=2), dataclasses.replace(k[1], place=3)],
            "entry 2 does not follow entry 1",
        ),
        ("no JSON", lambda k: [dataclasses.replace(k[0], text="{}"), *k[1:]], "entry 1 cannot be read"),
        ("an entry of another model", lambda k: [changed(k[0], model="n"), *k[1:]], "entry 1 is of n, not of m"),
        ("the last rewritten, without the key", lambda k: [*k[:2], changed(k[2], reason="nicer")], "entry 3 does not fit its signature"),
        ("a champion that never was", lambda k: [*k[:2], changed(k[2], champion_before="7")], "entry 3 begins with champion 7, not 2"),
    ],
)
def test_damage_is_found(case, damage, said):
    problems = verify("m", damage(three()), key=KEY).problems
    assert any(said in problem for problem in problems), (case, problems)


def test_what_no_chain_shows_the_versions_tell():
    kept = three()
    anchors = {Entry.from_json(each.text).version: each.text for each in kept}
    assert verify("m", kept, anchors=anchors).problems == ()
    assert verify("m", kept[:2], anchors=anchors).problems == ("entry 3 is missing: version 3 still tells of it",)
    assert len(verify("m", [], anchors=anchors).problems) == 3
    rewritten = [*kept[:2], changed(kept[2], reason="nicer")]
    assert verify("m", rewritten, anchors=anchors).problems == ("entry 3 is not what version 3 tells of it: one of the two was changed",)


def test_a_writer_that_came_second_is_overtaken_and_the_chain_goes_on():
    first, second = chain(("decide", "1"), ("decide", "2"))
    late = changed(second, version="9", champion_after="9")  # chained to the first as well, placed third
    late = Kept(3, late.text, sign(late.text, KEY))
    fourth = Entry("m", "decide", "3", "2", "3", time="2026-01-02T13:00:00+00:00", sequence=4, previous=late.digest)
    history = verify("m", [first, second, late, Kept(4, fourth.to_json(), "")], key=KEY)
    assert history.problems == () and [record.state for record in history.records] == ["valid", "valid", "overtaken", "valid"]
    assert history.champion == "3" and [reign.version for reign in reigns(history)] == ["1", "2", "3"]
    assert verify("m", [first, second, changed(late, reason="nicer"), Kept(4, fourth.to_json(), "")]).problems != ()


def test_signatures_say_what_they_are_worth():
    kept = three()
    assert {record.signed for record in verify("m", kept).records} == {"no key"}
    assert {record.signed for record in verify("m", kept, key="other").records} == {"other key"}
    unsigned = [dataclasses.replace(each, signature="") for each in kept]
    history = verify("m", unsigned, key=KEY)
    assert {record.signed for record in history.records} == {"unsigned"} and history.problems == ()


def test_the_replay_says_who_was_champion_when():
    history = verify("m", chain(("decide", "1"), ("decide", "1"), ("decide", "2"), ("rollback", "1")))
    assert [(reign.version, reign.since[14:16], reign.until[14:16]) for reign in reigns(history)] == [
        ("1", "01", "03"),
        ("2", "03", "04"),
        ("1", "04", ""),
    ]
    assert reign_at(history, datetime(2026, 1, 2, 12, 0, 59, tzinfo=UTC)) is None
    assert reign_at(history, datetime(2026, 1, 2, 12, 3, tzinfo=UTC)).version == "2"
    assert reign_at(history, datetime(2026, 2, 1, tzinfo=UTC)).version == "1"


def test_before_anybody_was_champion_there_is_no_reign():
    assert reigns(verify("m", [])) == []
    assert reigns(verify("m", chain(("decide", ""), ("decide", "")))) == []


@pytest.mark.parametrize(
    ("moves", "before"),
    [
        ([], ""),
        ([("decide", "1")], ""),
        ([("decide", "1"), ("decide", "2"), ("decide", "3")], "2"),
        ([("decide", "1"), ("decide", "2"), ("decide", "3"), ("rollback", "2")], "1"),
        ([("decide", "1"), ("decide", "2"), ("decide", "3"), ("rollback", "2"), ("rollback", "1")], ""),
        ([("decide", "1"), ("decide", "2"), ("rollback", "1"), ("decide", "4")], "1"),
        ([("decide", "1"), ("decide", "2"), ("observe", "1")], "2"),
        ([("decide", "1"), ("decide", "2"), ("observe", "")], ""),
    ],
)
def test_a_rollback_undoes_and_does_not_alternate(moves, before):
    assert predecessor(verify("m", chain(*moves))) == before


def test_an_alias_that_is_not_where_the_ledger_says_is_told():
    history = verify("m", three())
    assert stray(history, "3") == "" and stray(verify("m", []), "") == ""
    assert "is version 1, but the ledger says version 3 since entry 3" in stray(history, "1")
    assert "is nowhere" in stray(history, "") and "the ledger says none" in stray(verify("m", []), "4")
