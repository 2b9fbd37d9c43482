"""`lobule models`: registered versions, and who was champion when and why."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from components.domain.errors import InputError
from components.domain.report import Interval
from pipelines.cli.stored import open_store, show

if TYPE_CHECKING:
    from components.promote.ledger import Entry

NOTHING = "No model is registered yet. Train one: lobule run"


@dataclass(frozen=True)
class Version:
    """One registered version; `auc` is that of the test split, `run` the name of the pipeline run."""

    name: str
    version: str
    aliases: list[str]
    recipe: str | None
    auc: Interval | None
    leaking: bool
    oracle: bool
    created: str
    run: str | None
    run_id: str | None
    bundle: str | None
    dataset: str | None


@click.command("models")
@click.option("--model", metavar="NAME", help="Only this registered model.")
@click.option("--history", is_flag=True, help="Every decision: who asked, what the gate said, which version became champion.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(model: str | None, history: bool, as_json: bool) -> None:
    """List registered versions with their aliases and test AUC [95 % interval], or the history of champions.

    \b
    Examples:
      lobule models
      lobule models --history
      lobule models --json | jq '.models[] | select(.aliases[] == "champion")'
    """
    found = open_store()
    versions = list(_versions(model)) if found else []
    if model and not versions:
        raise InputError(f"there is no registered model {model!r}; `lobule models` lists those there are")
    entries = _history(versions) if history and versions else []
    if as_json:
        key, items = ("history", entries) if history else ("models", versions)
        click.echo(json.dumps({key: [asdict(item) for item in items]}, indent=2))
    elif not versions:
        click.echo(NOTHING)
    elif history:
        _print_history(entries)
    else:
        _print_versions(versions)


def _versions(model: str | None) -> Iterator[Version]:
    """Yield every version, newest first in each model."""
    import mlflow

    from components.domain.names import TAG_BUNDLE, TAG_DATASET, TAG_LEAKING, TAG_ORACLE, TAG_RECIPE, TAG_RUN

    client = mlflow.MlflowClient()
    for registered in sorted(client.search_registered_models(max_results=1000), key=lambda item: str(item.name)):
        if model not in (None, registered.name):
            continue
        found = client.search_model_versions(f"name = '{registered.name}'")
        for version in sorted(found, key=lambda item: -int(item.version)):
            number, tags = str(version.version), version.tags
            yield Version(
                name=registered.name,
                version=number,
                aliases=sorted(alias for alias, aliased in registered.aliases.items() if str(aliased) == number),
                recipe=tags.get(TAG_RECIPE),
                auc=_auc(version.run_id),
                leaking=tags.get(TAG_LEAKING) == "true",
                oracle=tags.get(TAG_ORACLE) == "true",
                created=_time(version.creation_timestamp),
                run=tags.get(TAG_RUN),
                run_id=version.run_id,
                bundle=tags.get(TAG_BUNDLE),
                dataset=tags.get(TAG_DATASET),
            )


def _auc(run_id: str | None) -> Interval | None:
    """Return the test AUC and its interval as the version's run recorded them."""
    import mlflow
    from mlflow.exceptions import MlflowException

    from components.domain.names import read_intervals

    try:
        metrics = mlflow.get_run(run_id).data.metrics if run_id else {}
    except MlflowException:  # the run was deleted, the version stays
        return None
    found = read_intervals(metrics).get("auc")
    return Interval(*found) if found else None


def _history(versions: list[Version]) -> list["Entry"]:
    """Return every entry of the ledger, oldest first."""
    import mlflow

    from components.promote.ledger import PREFIX, Entry

    client, entries = mlflow.MlflowClient(), {}
    for run_id in {version.run_id for version in versions if version.run_id}:
        for file in client.list_artifacts(run_id):
            if file.path.startswith(PREFIX):
                entry = Entry.from_json(mlflow.artifacts.load_text(f"runs:/{run_id}/{file.path}"))
                entries[entry.time, entry.model] = entry
    return [entries[key] for key in sorted(entries)]


def _time(milliseconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def _print_versions(versions: list[Version]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("model", "version", "alias", "recipe", "test AUC [95 %]", "leaks", "created", "run"):
        table.add_column(title, no_wrap=True)
    for row in versions:
        auc = row.auc
        table.add_row(
            row.name,
            row.version,
            " ".join(f"@{alias}" for alias in row.aliases),
            row.recipe or "",
            f"{auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]" if auc else "not evaluated",
            "LEAKS" if row.leaking else "ORACLE" if row.oracle else "no",
            row.created[:16].replace("T", " "),
            row.run or row.run_id or "",
        )
    show(table)
    if not any("champion" in row.aliases for row in versions):
        click.echo("\nThere is no @champion yet: lobule promote")


def _print_history(entries: list["Entry"]) -> None:
    if not entries:
        click.echo("No decision yet. Ask the gate: lobule promote")
    for entry in entries:
        before, after = entry.champion_before or "none", entry.champion_after or "none"
        effect = f"champion {before} -> {after}" if before != after else f"champion stays {before}"
        forced = " (forced)" if entry.forced else ""
        click.echo(f"{entry.time[:19].replace('T', ' ')}  {entry.model} version {entry.version}: {entry.outcome}{forced}, {effect}")
        click.echo(f"  by {entry.actor}" + (f": {entry.reason}" if entry.reason else ""))
        for reason in entry.reasons:
            click.echo(f"  - {reason}")
