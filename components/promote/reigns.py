"""The ledger replayed: who was champion from when to when, and whether the alias is where the ledger says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from components.promote.ledger import History, Record


@dataclass(frozen=True)
class Reign:
    """A time during which one version was champion.

    Attributes:
        version: the champion, "" where there was none.
        since: UTC, ISO 8601; until: the same, "" while it lasts.
        by: the entry that began it.
    """

    version: str
    since: str
    until: str
    by: Record


def reigns(history: History) -> list[Reign]:
    """Return every reign, oldest first; an entry that moved nothing begins none."""
    moves = [record for record in history.counted if record.entry.champion_before != record.entry.champion_after]
    ends = [*(record.entry.time for record in moves[1:]), ""]  # one more than there are reigns where nobody ever was champion
    return [Reign(record.entry.champion_after, record.entry.time, end, record) for record, end in zip(moves, ends, strict=False)]


def reign_at(history: History, moment: datetime) -> Reign | None:
    """Return the reign at a moment (with a time zone); None before the first."""
    begun = [reign for reign in reigns(history) if datetime.fromisoformat(reign.since) <= moment]
    return begun[-1] if begun else None


def predecessor(history: History) -> str:
    """Return the champion before the one that reigns, "" if there was none.

    Going back is undoing, not alternating: after 1, 2, 3 and a rollback to 2, the one before is 1.
    """
    line = _line(history.counted)
    return line[-2] if len(line) > 1 else ""


def stray(history: History, alias: str) -> str:
    """Return how the alias `champion` departs from the ledger, in words; "" where it does not.

    Args:
        history: the ledger.
        alias: version that has the alias now, "" for none.
    """
    if alias == history.champion:
        return ""
    says = f"version {history.champion} since entry {history.counted[-1].place}" if history.champion else "none"
    return (
        f"@champion of {history.model} is {f'version {alias}' if alias else 'nowhere'}, but the ledger says {says}: it was moved by "
        "something else than Lobule, or a promotion was cut short"
    )


def _line(records: Sequence[Record]) -> list[str]:
    """Return the champions that a rollback can undo, the reigning one last."""
    line: list[str] = []
    for record in records:
        after = record.entry.champion_after
        if after == (line[-1] if line else ""):
            continue
        if record.entry.action == "rollback" and after in line:
            del line[line.index(after) + 1 :]
        elif after:
            line.append(after)
        else:
            line.clear()
    return line
