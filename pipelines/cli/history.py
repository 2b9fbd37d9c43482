"""What `lobule models --history` shows: the verified ledger of each model, replayed."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from components.domain.errors import InputError

if TYPE_CHECKING:
    from components.promote.ledger import History, Record
    from components.promote.reigns import Reign

SIGNATURES = {
    "valid": "signed",
    "wrong": "SIGNATURE DOES NOT FIT",
    "unsigned": "unsigned",
    "other key": "signed with another key, not checked",
    "no key": "signed, not checked: LOBULE_SIGNING_KEY is not set",
}


@dataclass(frozen=True)
class Shown:
    """A model's history: its ledger, who has the alias now, and what does not hold; `at` where one moment was asked for."""

    ledger: "History"
    alias: str
    problems: tuple[str, ...]
    at: "Reign | None" = None


def read_history(model: str, moment: datetime | None) -> Shown:
    """Read and verify the history of a model."""
    from components.domain.names import CHAMPION
    from components.promote.ledger_store import read_ledger
    from components.promote.registry import alias_of
    from components.promote.reigns import reign_at, stray

    ledger, alias = read_ledger(model), alias_of(model, CHAMPION)
    astray = stray(ledger, alias)
    return Shown(ledger, alias, (*ledger.problems, *((astray,) if astray else ())), reign_at(ledger, moment) if moment else None)


def parse_moment(text: str) -> datetime:
    """Return a moment given on the command line, in UTC unless it names a zone; a day means its end.

    Raises:
        InputError: if it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"--at must be a time in ISO 8601, but got {text!r}; write for example 2026-01-31T08:00") from None
    if len(text) == len("2026-01-31"):
        moment = moment.replace(hour=23, minute=59, second=59)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def document(shown: Shown) -> dict[str, object]:
    """Return a history as JSON values."""
    from components.promote.reigns import reigns

    def reign(each: "Reign") -> dict[str, object]:
        return {"version": each.version, "since": each.since, "until": each.until or None, "entry": each.by.place}

    return {
        "model": shown.ledger.model,
        "sound": not shown.problems,
        "problems": list(shown.problems),
        "champion": shown.alias or None,
        "reigns": [reign(each) for each in reigns(shown.ledger)],
        **({"at": reign(shown.at)} if shown.at else {}),
        "entries": [
            {**asdict(record.entry), "place": record.place, "digest": record.digest, "state": record.state, "signed": record.signed}
            for record in shown.ledger.records
        ],
    }


def print_history(shown: Shown) -> None:
    """Print every entry, oldest first, and what does not hold at the end, where it is seen."""
    ledger = shown.ledger
    if not ledger.records and not shown.problems:
        click.echo(f"{ledger.model}: no decision yet. Ask the gate: lobule promote")
        return
    for record in ledger.records:
        _print_entry(record)
    kinds = {record.signed for record in ledger.records}
    signed = SIGNATURES[kinds.pop()] if len(kinds) == 1 else "signed in part"
    if not shown.problems:
        said = f"entries 1 to {ledger.places} hold together" if ledger.places > 1 else "its one entry holds"
        click.echo(f"{ledger.model}: {said} ({signed}); @champion is {_named(shown.alias)}, as the ledger says")


def print_champion_at(shown: Shown, moment: datetime) -> None:
    """Print who was champion at a moment, and by which entry."""
    when = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if shown.at is None or not shown.at.version:
        click.echo(f"{shown.ledger.model} had no champion at {when}.")
        return
    until = f"until {_time(shown.at.until)}" if shown.at.until else "and still is"
    click.echo(f"{shown.ledger.model} version {shown.at.version} was champion at {when}: since {_time(shown.at.since)}, {until}.")
    _print_entry(shown.at.by)


def print_problems(shown: Shown) -> None:
    """Print what does not hold, on standard error."""
    if shown.problems:
        click.echo(f"\nTHE LEDGER OF {shown.ledger.model} DOES NOT HOLD:", err=True)
    for problem in shown.problems:
        click.echo(f"  ! {problem}", err=True)


def _print_entry(record: "Record") -> None:
    from components.promote.ledger_store import in_words

    entry = record.entry
    mark = {"valid": "", "overtaken": "  [overtaken: nothing was moved]", "broken": "  [BROKEN]"}[record.state]
    click.echo(f"{record.place:4d}  {_time(entry.time)}  {entry.model} {in_words(entry)}{mark}")
    who = f"{entry.actor} ({entry.account})" if entry.actor not in ("", entry.account.partition("@")[0]) else entry.account
    where = f", pipeline run {entry.run}" if entry.run else ""
    click.echo(f"      by {who}{where}{': ' + entry.reason if entry.reason else ''}  [{SIGNATURES[record.signed]}]")
    for reason in entry.reasons:
        click.echo(f"      - {reason}")


def _named(version: str) -> str:
    return f"version {version}" if version else "nowhere"


def _time(text: str) -> str:
    return text[:19].replace("T", " ")
