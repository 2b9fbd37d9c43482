"""The ledger: who made which version champion, when, why, and on what evidence. One entry a decision, also of those that said no."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from components.domain.errors import InputError

PREFIX = "promotion-"


@dataclass(frozen=True)
class Entry:
    """One decision.

    Attributes:
        time: UTC, ISO 8601.
        actor: who asked.
        model: registered name.
        version: that was decided about.
        champion_before, champion_after: versions that had the alias; "" for none, equal where nothing moved.
        outcome: of the gate.
        forced: the alias moved although the gate did not say promote.
        reason: given by the actor.
        reasons: of the gate, with their figures.
        compared_with: bundle digest of the champion, or that there was none.
        digests: of bundle, dataset, certificate, test split and champion, by name.
    """

    time: str
    actor: str
    model: str
    version: str
    champion_before: str
    champion_after: str
    outcome: str
    forced: bool
    reason: str
    reasons: list[str]
    compared_with: str
    digests: dict[str, str]

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the entry as JSON."""
        return json.dumps(asdict(self), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> "Entry":
        """Read what `to_json` wrote.

        Raises:
            InputError: if it is not one.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise InputError(
                f"a ledger entry must be the JSON that a promotion wrote, but is not ({type(error).__name__}); promote again"
            ) from None


def ledger_file(entry: Entry) -> str:
    """Return the artifact's name of an entry: `promotion-20260102T030405678Z.json`."""
    return f"{PREFIX}{datetime.fromisoformat(entry.time):%Y%m%dT%H%M%S%f}"[:-3] + "Z.json"
