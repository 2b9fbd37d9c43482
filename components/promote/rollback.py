"""Rollback: an earlier champion again.

Operating point, temperature, limits and drift reference lie in the bundle that the alias names, so moving the alias moves
them all; the service and the monitor follow it. The version is loaded and its canary image scored before, so that
nothing is put back that would not serve.
"""

from pathlib import Path

from components.domain.errors import InputError, RefusedError
from components.domain.names import TAG_LEAKING, TAG_ORACLE
from components.domain.settings import signing_key
from components.promote.ledger import Entry, Record
from components.promote.registry import version_of
from components.promote.reigns import predecessor
from components.promote.turn import begin
from serving.contract import ContractError
from serving.predictor import Predictor
from serving.registry import Location, RegistryError, fetch
from serving.signature import check_signature


def roll_back(name: str, to: str, *, reason: str, actor: str, tracking_uri: str, cache: Path) -> Record:
    """Make an earlier champion champion again; the ledger says so.

    Args:
        name: of the registered model.
        to: its version, "" for the champion before.
        reason: why.
        actor: who asks.
        tracking_uri: of the store that MLflow was pointed at.
        cache: directory in which bundles are kept.

    Raises:
        InputError: without a reason, or if there is no such version.
        RefusedError: if there is no champion before, the version may never be champion or cannot be served, it is champion already,
            the ledger is broken, or another decision was written first.
    """
    if not reason.strip():
        raise InputError("a rollback must say why, but got no reason; add --reason TEXT")
    turn = begin(name, actor=actor, over=reason if to else "", remedy="--to VERSION")
    target = to or predecessor(turn.history)
    if not target:
        raise RefusedError(f"a rollback needs a champion before this one, but {name} had none; name a version with --to VERSION")
    version = version_of(name, target)
    number = str(version.version)
    if number == turn.champion:
        raise RefusedError(
            f"a rollback must change the champion, but version {number} of {name} is champion; name another with --to VERSION"
        )
    for tag, what in ((TAG_LEAKING, "a leaking model"), (TAG_ORACLE, "an oracle")):
        if version.tags.get(tag) == "true":
            raise RefusedError(f"{what} is never champion, but version {number} of {name} is one; name another with --to VERSION")
    if to and number not in {record.entry.champion_after for record in turn.history.counted}:
        raise RefusedError(
            f"a rollback goes to an earlier champion, but version {number} of {name} never was one; ask the gate: lobule promote {number}"
        )
    digest = _require_servable(Location(name, number, None), tracking_uri=tracking_uri, cache=cache)
    entry = Entry(
        model=name,
        action="rollback",
        version=number,
        champion_before=turn.champion,
        champion_after=number,
        actor=actor,
        reason=reason,
        digests={"bundle": digest},
    )
    return turn.end(entry, run_id=version.run_id)


def _require_servable(place: Location, *, tracking_uri: str, cache: Path) -> str:
    try:
        bundle = fetch(place, tracking_uri=tracking_uri, cache=cache)
        predictor = Predictor.load(bundle)
        check_signature(bundle, predictor.digest, signing_key())
    except (ContractError, RegistryError) as error:
        raise RefusedError(f"a champion must serve, but version {place.version} of {place.name} does not: {error}") from None
    return predictor.digest
