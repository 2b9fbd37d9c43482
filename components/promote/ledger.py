"""The ledger's entries and their chain: who made which version champion, when, why, and on what evidence.

Each entry holds the digest of the one before it and its own place, so that a changed, removed or reordered entry no longer
fits what follows. Places are given out by the registry (`components.promote.ledger_store`), one to each writer, never twice.
Of two writers that saw the same last entry, the first to be placed fits it; the other stands one place further than it
meant to, says so by its own text, and counts as overtaken: it moved nothing. No lock is needed and none can be left behind.

What a chain cannot show is that its last entries were cut off: each decision is repeated as a tag of the version decided
about, and read against that. Whoever may write to the registry's database and knows the signing key can forge all of it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from serving.signature import Signed, check

Action = Literal["decide", "rollback", "observe"]


@dataclass(frozen=True)
class Entry:
    """One entry.

    Attributes:
        model: registered name.
        action: `decide` (the gate was asked), `rollback`, or `observe` (the alias was found moved by something else).
        version: that it is about.
        champion_before, champion_after: versions that had the alias; "" for none, equal where nothing moved.
        outcome: of the gate; "" where it was not asked.
        forced: the alias moved although the gate did not say promote.
        actor: who asked, by the name they go by; account: the login and machine that it came from.
        run: the pipeline run that asked, "" for a person.
        reason: given by the actor.
        reasons: of the gate, with their figures.
        compared_with: bundle digest of the champion, or that there was none.
        digests: of bundle, dataset, certificate, test split, report, policy and decision, by name.
        time: UTC, ISO 8601, of the writer's clock.
        sequence: its place, from 1; previous: digest of the entry before, "" for the first.
        nonce: tells a writer its own entry.
    """

    model: str
    action: Action
    version: str
    champion_before: str
    champion_after: str
    outcome: str = ""
    forced: bool = False
    actor: str = ""
    account: str = ""
    run: str = ""
    reason: str = ""
    reasons: tuple[str, ...] = ()
    compared_with: str = ""
    digests: Mapping[str, str] | None = None
    time: str = ""
    sequence: int = 0
    previous: str = ""
    nonce: str = ""

    def to_json(self) -> str:
        """Return the entry as canonical JSON: what is stored, chained and signed."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Entry":
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is not one.
        """
        try:
            values = json.loads(text)
            entry = cls(**values | {"reasons": tuple(values["reasons"])})
            datetime.fromisoformat(entry.time)
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"no ledger entry: {error}") from None
        return entry


@dataclass(frozen=True)
class Kept:
    """What the registry keeps of an entry: its place, its text and its signature."""

    place: int
    text: str
    signature: str

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of the text."""
        return "sha256:" + hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Record:
    """An entry as it was read back: its place and digest, whether it counts, and what its signature is worth."""

    entry: Entry
    place: int
    digest: str
    state: Literal["valid", "overtaken", "broken"]
    signed: Signed


@dataclass(frozen=True)
class History:
    """A verified ledger.

    Attributes:
        model: registered name.
        records: every entry that can be read, by place.
        problems: what does not hold, in words; empty for a sound ledger.
        places: how many places were given out; last: digest of what stands at the last one.
    """

    model: str
    records: tuple[Record, ...] = ()
    problems: tuple[str, ...] = ()
    places: int = 0
    last: str = ""

    @property
    def counted(self) -> list[Record]:
        """The entries that were not overtaken."""
        return [record for record in self.records if record.state != "overtaken"]

    @property
    def champion(self) -> str:
        """The version that must have the alias, "" for none."""
        return self.counted[-1].entry.champion_after if self.counted else ""


def verify(model: str, kept: Sequence[Kept], *, key: str = "", anchors: Mapping[str, str] | None = None) -> History:
    """Check a ledger: places, chain, signatures, and the copies of its entries on the versions.

    Args:
        model: registered name.
        kept: what the registry keeps, in any order.
        key: to check signatures with, "" to leave them unchecked.
        anchors: text of the last entry about a version, by version.
    """
    by_place = {each.place: each for each in kept}
    places = max(by_place, default=0)
    records, problems, champion = [], [], ""
    for place in range(1, places + 1):
        if place not in by_place:
            problems.append(f"entry {place} is missing: it was deleted")
            continue
        each = by_place[place]
        try:
            entry = Entry.from_json(each.text)
        except ValueError:
            problems.append(f"entry {place} cannot be read: it was changed")
            continue
        state, problem = _chained(entry, place, by_place, model)
        signed = check(each.text, each.signature, key)
        if state == "valid" and entry.champion_before != champion:
            state, problem = "broken", f"entry {place} begins with champion {entry.champion_before or 'none'}, not {champion or 'none'}"
        problems += [problem] if problem else []
        problems += [f"entry {place} does not fit its signature: it was changed, or is forged"] if signed == "wrong" else []
        champion = champion if state == "overtaken" else entry.champion_after
        records.append(Record(entry, place, each.digest, state, signed))
    problems += _unanchored(by_place, anchors or {})
    return History(model, tuple(records), tuple(problems), places, by_place[places].digest if places else "")


def _chained(entry: Entry, place: int, by_place: Mapping[int, Kept], model: str) -> tuple[Literal["valid", "overtaken", "broken"], str]:
    def before(position: int) -> str | None:
        return "" if position == 1 else by_place[position - 1].digest if position - 1 in by_place else None

    if entry.model != model:
        return "broken", f"entry {place} is of {entry.model}, not of {model}"
    if entry.sequence == place and entry.previous == before(place):
        return "valid", ""
    if 0 < entry.sequence < place and entry.previous == before(entry.sequence):
        return "overtaken", ""
    if entry.sequence == place and before(place) is None:
        return "broken", ""  # that the one before is missing is said already
    return "broken", f"entry {place} does not follow entry {place - 1}: one of the two was changed or moved"


def _unanchored(by_place: Mapping[int, Kept], anchors: Mapping[str, str]) -> list[str]:
    problems = []
    for version, text in sorted(anchors.items()):
        try:
            place = Entry.from_json(text).sequence
        except ValueError:
            problems.append(f"the tag of version {version} that repeats its last entry cannot be read: it was changed")
            continue
        if place not in by_place:
            problems.append(f"entry {place} is missing: version {version} still tells of it")
        elif by_place[place].text != text:
            problems.append(f"entry {place} is not what version {version} tells of it: one of the two was changed")
    return problems
