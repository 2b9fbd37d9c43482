"""What a service served last, kept beside the cached bundles, for a worker that starts while the registry is down.

One small file per followed name. It is only asked when the registry does not answer: an answer, also "there is no champion",
always counts.
"""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from serving.registry import DIGEST, Location, kept


def remember(cache: Path, model: str, place: Location, digest: str) -> None:
    """Keep what a followed name meant; a directory that cannot be written keeps nothing."""
    file = _file(cache, model)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    document = {"name": place.name, "version": place.version, "alias": place.alias, "bundle": digest}
    with suppress(OSError):
        temporary.write_text(json.dumps(document) + "\n", encoding="utf-8")
        temporary.replace(file)


def recall(cache: Path, model: str) -> tuple[Location, Path] | None:
    """Return what a followed name meant, and its bundle; None if that is not known or no longer there, or not whole."""
    try:
        document = json.loads(_file(cache, model).read_text(encoding="utf-8"))
        name, version, alias, digest = (str(document[key]) for key in ("name", "version", "alias", "bundle"))
        bundle = kept(cache, digest) if DIGEST.fullmatch(digest) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (Location(name, version, alias), bundle) if bundle else None


def _file(cache: Path, model: str) -> Path:
    return cache / f"served-{hashlib.sha256(model.encode()).hexdigest()[:16]}.json"
