"""The place of the model that is served: one reference, replaced whole, so that a request sees one model from start to end."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from serving.contract import tree_digest
from serving.predictor import Predictor
from serving.signature import check_signature


@dataclass(frozen=True)
class Served:
    """A model in service.

    Attributes:
        predictor: the loaded bundle.
        name: registered name, else the card's.
        version: registered version; None for a bundle from a directory.
        alias: that it was found by, without `@`.
        followed: whether the alias is looked up again and again.
        since: when it was loaded, UTC.
    """

    predictor: Predictor
    name: str
    version: str | None
    alias: str | None
    followed: bool
    since: datetime

    @classmethod
    def load(
        cls,
        bundle: Path,
        *,
        name: str = "",
        version: str | None = None,
        alias: str | None = None,
        followed: bool = False,
        threads: int = 0,
        signing_key: str = "",
    ) -> "Served":
        """Load a bundle, check its canary image and, where a key is given, its signature.

        Raises:
            ContractError: if the bundle cannot be served.
        """
        if signing_key:  # before anything in it is parsed
            check_signature(bundle, tree_digest(bundle), signing_key)
        predictor = Predictor.load(bundle, threads=threads)
        return cls(predictor, name or predictor.card.name, version, alias, followed, datetime.now(UTC))


@dataclass
class Slot:
    """Holds what is served.

    Attributes:
        current: the model; None until one is loaded.
        refused: why a newer version is not served, in one line; None if none was refused.
        asked: when the registry last answered, UTC; None where it is never asked.
        unreachable: why the registry did not answer the last time; None if it did.
    """

    current: Served | None = None
    refused: str | None = None
    asked: datetime | None = None
    unreachable: str | None = None
