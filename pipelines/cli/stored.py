"""What the commands that look into MLflow share: is there a store yet, what an alias means, where its pages are."""

import json
import os
import urllib.parse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.domain.errors import InputError
from components.domain.settings import redacted, tracking_uri

if TYPE_CHECKING:
    from rich.table import Table

FORMS = "write VERSION, NAME/VERSION, @ALIAS or NAME@ALIAS"


def open_store() -> bool:
    """Point MLflow at the store in use; False, and nothing is created, if the embedded one does not exist yet.

    Raises:
        InputError: if the store does not answer.
    """
    from pathlib import Path

    uri = tracking_uri()
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).is_file():
        return False
    from components.tracking.store import connect

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from mlflow.exceptions import MlflowException

    try:
        connect()
    except MlflowException as error:
        said = redacted(" ".join(str(error).split()))[:200]
        raise InputError(f"the MLflow store must answer, but says: {said}; start the server or correct MLFLOW_TRACKING_URI") from None
    return True


def show(table: "Table") -> None:
    """Print a table at its natural width: a cell is never cut, neither in a pipe nor in a narrow terminal."""
    from rich.console import Console

    wide = Console(highlight=False, width=1000)
    Console(highlight=False, width=wide.measure(table).maximum).print(table)


def model_names() -> list[str]:
    """Return the names of all registered models, sorted; their ledgers are none."""
    import mlflow

    from components.domain.names import TAG_LEDGER

    found = mlflow.MlflowClient().search_registered_models(max_results=1000)
    return sorted(str(model.name) for model in found if TAG_LEDGER not in model.tags)


def find_version(text: str, model: str | None) -> tuple[str, str]:
    """Return (name, version) of what a user named.

    Args:
        text: a version, `@alias`, `NAME/VERSION` or `NAME@ALIAS`.
        model: registered name given beside it; None where the text or the only model says it.

    Raises:
        InputError: if it names nothing, or several models fit.
    """
    from components.promote.registry import alias_of

    named, separator, rest = text.partition("@") if "@" in text else text.rpartition("/")
    if separator == "" or not rest:
        named, rest = "", text
    if named and model and named != model:
        raise InputError(f"{text!r} and --model {model} must name one model, but name two; leave one out")
    name = named or model or model_of()
    if separator == "@":
        version = alias_of(name, rest)
        if not version:
            raise InputError(f"{name} has no @{rest}; see `lobule models`, or {FORMS}")
        return name, version
    if not rest.isdigit():
        raise InputError(f"a version must be a number, but got {rest!r}; {FORMS}")
    return name, rest


def opens_with() -> str:
    """Return the words for how MLflow's pages open: a server's are there, those of the embedded store need `lobule ui`."""
    return "" if tracking_uri().startswith(("http://", "https://")) else " (start it with `lobule ui`)"


def compare_address(run_ids: Sequence[str], experiment: str) -> str:
    """Return the address of the MLflow page that compares runs, or shows the only one."""
    base = redacted(tracking_uri()).rstrip("/")
    if not base.startswith(("http://", "https://")):
        base = "http://127.0.0.1:5000"  # where `lobule ui` serves the embedded store
    if len(run_ids) == 1:
        return f"{base}/#/experiments/{experiment}/runs/{run_ids[0]}"
    runs, experiments = (urllib.parse.quote(json.dumps(list(part), separators=(",", ":"))) for part in (run_ids, [experiment]))
    return f"{base}/#/compare-runs?runs={runs}&experiments={experiments}"


def model_of() -> str:
    """Return the only registered model.

    Raises:
        InputError: if there is none, or several.
    """
    names = model_names()
    if len(names) != 1:
        said = f"there are {len(names)}: {', '.join(names)}" if names else "there is none yet; train one with `lobule run`"
        raise InputError(f"a model must be named by --model NAME unless there is exactly one, but {said}")
    return names[0]
