"""`lobule models`: registered versions, and who was champion when and why."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from components.domain.errors import InputError
from components.domain.report import Interval
from pipelines.cli.stored import model_names, open_store, show

if TYPE_CHECKING:
    from datetime import datetime

    from pipelines.cli.history import Shown

NOT_SOUND = 3
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
@click.option("--history", is_flag=True, help="Every decision: who asked, what the gate said, which version became champion; verified.")
@click.option("--at", "moment", metavar="TIME", help="Who was champion then, and why; ISO 8601, UTC if it names no zone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(model: str | None, history: bool, moment: str | None, as_json: bool) -> int:
    """List registered versions with their aliases and test AUC [95 % interval], or the history of champions.

    The history is the ledger, kept beside the model in the registry. It is read back and verified each time: every entry holds the digest
    of the one before, and a signature where LOBULE_SIGNING_KEY is set.

    \b
    Examples:
      lobule models
      lobule models --history
      lobule models --at 2026-01-31
      lobule models --json | jq '.models[] | select(.aliases[] == "champion")'

    Exit code 0; with --history or --at 3, if an entry was changed, removed or forged, or @champion was moved by something else.
    """
    from pipelines.cli.history import parse_moment, read_history

    at = parse_moment(moment) if moment else None
    found = open_store()
    names = [name for name in (model_names() if found else []) if model in (None, name)]
    if model and not names:
        raise InputError(f"there is no registered model {model!r}; `lobule models` lists those there are")
    if history or at:
        return _history([read_history(name, at) for name in names], at, as_json=as_json)
    versions = [version for name in names for version in _versions(name)]
    if as_json:
        click.echo(json.dumps({"models": [asdict(item) for item in versions]}, indent=2))
    elif not versions:
        click.echo(NOTHING)
    else:
        _print_versions(versions)
    for name in names:
        _warn(name)
    return 0


def _history(shown: list["Shown"], at: "datetime | None", *, as_json: bool) -> int:
    from pipelines.cli.history import document, print_champion_at, print_history, print_problems

    if as_json:
        click.echo(json.dumps({"history": [document(each) for each in shown]}, indent=2))
    elif not shown:
        click.echo(NOTHING)
    for each in shown:
        if not as_json and at:
            print_champion_at(each, at)
        elif not as_json:
            print_history(each)
        print_problems(each)
    return NOT_SOUND if any(each.problems for each in shown) else 0


def _versions(name: str) -> Iterator[Version]:
    """Yield every version of a model, newest first."""
    import mlflow

    from components.domain.names import TAG_BUNDLE, TAG_DATASET, TAG_LEAKING, TAG_ORACLE, TAG_RECIPE, TAG_RUN

    client = mlflow.MlflowClient()
    aliases = client.get_registered_model(name).aliases
    for version in sorted(client.search_model_versions(f"name = '{name}'"), key=lambda item: -int(item.version)):
        number, tags = str(version.version), version.tags
        yield Version(
            name=name,
            version=number,
            aliases=sorted(alias for alias, aliased in aliases.items() if str(aliased) == number),
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


def _warn(name: str) -> None:
    """Say on standard error what does not hold of the ledger of a model."""
    from pipelines.cli.history import read_history

    problems = read_history(name, None).problems
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if problems:
        click.echo(f"NOTE  {problems[0]}{more}; see `lobule models --history`", err=True)
