"""Where the ledger lies: in the model registry, so that every client of the MLflow server sees it.

The ledger of model M is the registered model `M.ledger`; each entry is one of its versions, written once with all it says.
`components.tracking.registry_list` says why that is the one place where appending is atomic. The registry's pages show the entries,
with what each says in words, and link each to the run of the version it is about.
"""

import logging
import secrets
from dataclasses import replace
from datetime import UTC, datetime

import mlflow

from components.domain.errors import RefusedError
from components.domain.names import TAG_DECISION
from components.domain.settings import account, signing_key
from components.promote.ledger import Entry, History, Kept, Record, verify
from components.tracking.registry_list import create_list, versions_of
from serving.signature import sign

logger = logging.getLogger(__name__)
TAG_ENTRY = "lobule.ledger.entry"
TAG_SIGNED = "lobule.ledger.signature"
_ABOUT = "Ledger of @champion of {model}: one version of this page is one entry. Verify it with `lobule models --history`; never edit it."
_MOST_TEXT = 90_000  # MLflow takes tags of at most 100,000 characters


def ledger_name(model: str) -> str:
    """Return the name under which the ledger of a model is registered."""
    return f"{model}.ledger"


def read_ledger(model: str) -> History:
    """Read and verify the ledger of a model; empty where nothing was decided yet."""
    kept = [
        Kept(int(found.version), str(found.tags.get(TAG_ENTRY, "")), str(found.tags.get(TAG_SIGNED, "")))
        for found in versions_of(ledger_name(model))
    ]
    anchors = {str(found.version): str(found.tags[TAG_DECISION]) for found in versions_of(model) if TAG_DECISION in found.tags}
    return verify(model, kept, key=signing_key(), anchors=anchors)


def append(history: History, entry: Entry, *, run_id: str = "", artifact: str = "") -> Record:
    """Write an entry at the end of the ledger, signed where a key is set.

    Args:
        history: the ledger as it was read before the entry's facts were gathered: what the entry is chained to.
        entry: its facts; time, account, place, digest of the one before and nonce are filled in.
        run_id: of the version that it is about.
        artifact: path of the decision in that run.

    Returns:
        The entry as it was placed.

    Raises:
        RefusedError: if another entry was written since; this one is kept as overtaken.
    """
    place = history.places + 1
    entry = replace(
        entry,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        account=account(),
        sequence=place,
        previous=history.last,
        nonce=secrets.token_hex(8),
    )
    text = _fitting(entry).to_json()
    client, name = mlflow.MlflowClient(), ledger_name(history.model)
    if not history.places:
        create_list(name, history.model, _ABOUT.format(model=history.model))
    client.create_model_version(
        name,
        f"runs:/{run_id}/{artifact}" if run_id and artifact else "lobule-ledger:/entry",
        run_id=run_id or None,
        tags={TAG_ENTRY: text, TAG_SIGNED: sign(text, signing_key())},
        description=in_words(entry)[:1000],
    )
    now = read_ledger(history.model)
    mine = [record for record in now.records if record.entry.nonce == entry.nonce and record.state == "valid"]
    if not mine:
        raise RefusedError(_overtaken(now, place))
    if entry.action == "decide":
        client.set_model_version_tag(entry.model, entry.version, TAG_DECISION, text)
    return mine[0]


def in_words(entry: Entry) -> str:
    """Return an entry in one line."""
    before, after = entry.champion_before or "none", entry.champion_after or "none"
    effect = f"champion {before} -> {after}" if before != after else f"champion stays {before}"
    if entry.action == "observe":
        return f"@champion was found at version {after}, moved from {before} by something else than Lobule"
    said = "rollback" if entry.action == "rollback" else f"{entry.outcome}{', forced' if entry.forced else ''}"
    return f"version {entry.version}: {said}, {effect}"


def _overtaken(now: History, place: int) -> str:
    winner = next((record.entry for record in now.records if record.place == place), None)
    if winner is None:
        return f"a ledger must hold all its entries, but entry {place} of {now.model} is missing; see `lobule models --history`"
    said = f"entry {place}, {in_words(winner)}, by {winner.actor or winner.account}"
    return f"one decision about {now.model} is taken at a time, but another was written first ({said}); nothing was moved, ask again"


def _fitting(entry: Entry) -> Entry:
    """Shorten an entry's words where a registry would not take them; the decision that is kept with the run has them all."""
    if len(entry.to_json()) <= _MOST_TEXT:
        return entry
    return replace(entry, reason=entry.reason[:2000], reasons=tuple(reason[:500] for reason in entry.reasons[:50]))
