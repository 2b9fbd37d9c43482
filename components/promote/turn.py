"""A turn: from reading the ledger to the moved alias, so that of two promotions at once one wins and the other is told.

The registry offers no compare-and-set of an alias. So a turn begins by reading the ledger, takes whatever time the gate needs,
and ends by appending an entry that is chained to what it read: if anybody wrote meanwhile, the entry is overtaken, nothing
is moved, and whoever asked is told. The entry stands before the alias moves. A turn that dies in between leaves an alias
that is not where the ledger says; for `SETTLE_SECONDS` the next turn takes it for one that is about to end, and asks to
wait; after that it records what it found (`observe`) and goes on from there. So does it with an alias moved by hand.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from components.domain.errors import RefusedError
from components.domain.names import CHAMPION
from components.promote.ledger import Entry, History, Record
from components.promote.ledger_store import append, read_ledger
from components.promote.registry import alias_of, move_champion
from components.promote.reigns import stray

logger = logging.getLogger(__name__)
SETTLE_SECONDS = 20.0
"""How long an alias that the last entry moves may not be there yet; setting one takes a fraction of a second."""


@dataclass(frozen=True)
class Turn:
    """What is true while a decision is taken: the ledger, and the version that is champion ("" for none)."""

    history: History
    champion: str

    def end(self, entry: Entry, *, run_id: str, artifact: str = "") -> Record:
        """Write the entry and, where it says so, move the alias.

        Raises:
            RefusedError: if another turn ended first; nothing was moved then.
        """
        record = append(self.history, entry, run_id=run_id, artifact=artifact)
        if entry.champion_after != entry.champion_before:
            move_champion(entry.model, entry.champion_after, before=entry.champion_before)
        return record


def begin(name: str, *, actor: str, over: str = "", remedy: str = "--force --reason TEXT") -> Turn:
    """Begin a turn; an alias that something else has moved is recorded first.

    Args:
        name: of the registered model.
        actor: who asks.
        over: why to go on although the ledger is broken, "" not to.
        remedy: how whoever asks may go on over a broken ledger.

    Raises:
        InputError: if there is no such model.
        RefusedError: if the ledger is broken, or another turn is about to end.
    """
    champion, history = alias_of(name, CHAMPION), read_ledger(name)
    if history.problems and not over:
        raise RefusedError(
            f"the ledger of {name} must be sound, but {history.problems[0]}; see `lobule models --history`, or go on with {remedy}"
        )
    told = stray(history, champion)
    if not told:
        return Turn(history, champion)
    if history.counted and _seconds_since(history.counted[-1].entry.time) < SETTLE_SECONDS:
        raise RefusedError(f"{told}; if it is being promoted this moment, it is settled in {SETTLE_SECONDS:.0f} s: ask again then")
    logger.warning("%s; this is recorded", told)
    about = champion or history.champion
    append(history, Entry(name, "observe", about, history.champion, champion, actor=actor, reason="found before another decision"))
    return Turn(read_ledger(name), champion)


def _seconds_since(time: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()
