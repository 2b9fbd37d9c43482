"""`lobule runs`: the leaderboard, one line per pipeline run."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import click

from components.domain.errors import InputError
from components.domain.names import EXPERIMENT, TAG_DATASET, TAG_KIND, TAG_LEAKING, TAG_ORACLE, TAG_RECIPE, TAG_RUN, test_metric
from components.domain.report import Interval
from pipelines.cli.stored import compare_address, open_store, show

NOTHING = "No run yet. Start one: lobule run"
COMPARED = 10
"""Runs on the compare page, from the top."""


@dataclass(frozen=True)
class Row:
    """One pipeline run: its chosen model's test metrics by name, its number of seeds, start and duration in seconds."""

    run: str
    run_id: str
    recipe: str | None
    status: str
    metrics: dict[str, Interval]
    seeds: int | None
    leaking: bool
    oracle: bool
    dataset: str | None
    started: float
    seconds: float | None


@click.command("runs")
@click.option("--recipe", metavar="NAME", help="Only runs of this recipe.")
@click.option(
    "--sort", "metric", metavar="METRIC", default="auc", show_default=True, help="Test metric to rank by, e.g. sensitivity or ece."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(recipe: str | None, metric: str, as_json: bool) -> None:
    """Rank the pipeline runs by a metric of their chosen model on the untouched test split, with 95 % intervals.

    Leaking runs, and oracles (`roi=mask`), come last whatever their figures.
    The last line is the address of the MLflow page that compares the runs.

    \b
    Examples:
      lobule runs
      lobule runs --recipe quickstart --sort sensitivity
      lobule runs --json
    """
    rows, experiment = _read() if open_store() else ([], "")
    rows = rank([row for row in rows if recipe in (None, row.recipe)], metric)
    address = compare_address([row.run_id for row in rows[:COMPARED]], experiment) if rows else None
    if as_json:
        click.echo(json.dumps({"sorted_by": metric, "runs": [asdict(row) for row in rows], "compare": address}, indent=2))
    elif not rows:
        click.echo(f"No run of recipe {recipe} yet. Start one: lobule run --recipe {recipe}" if recipe else NOTHING)
    else:
        _print(rows, metric, str(address))


def rank(rows: list[Row], metric: str) -> list[Row]:
    """Order runs by a test metric, best first; those without it after them, leaking ones and oracles last.

    Raises:
        InputError: if no metric of that name exists.
    """
    from components.domain.metrics import HIGHER_IS_BETTER

    known = sorted(set(HIGHER_IS_BETTER) | {name for row in rows for name in row.metrics})
    if metric not in known:
        raise InputError(f"there is no metric {metric!r}; sort by one of {', '.join(known)}")
    sign = -1 if HIGHER_IS_BETTER.get(metric, True) else 1

    def place(row: Row) -> tuple[bool, bool, float]:
        found = row.metrics.get(metric)
        return row.leaking or row.oracle, found is None, sign * found.value if found else 0.0

    return sorted(rows, key=place)


def _read() -> tuple[list[Row], str]:
    """Return one row per pipeline run, newest first, and the id of their experiment."""
    import mlflow

    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    found = mlflow.search_runs(
        experiment_names=[EXPERIMENT],
        filter_string=f"tags.`{TAG_KIND}` = 'run'",
        order_by=["attributes.start_time DESC"],
        output_format="list",
    )
    return [_row(run) for run in found], str(experiment.experiment_id)


def _row(run: Any) -> Row:  # noqa: ANN401 - MLflow ships no types
    values, tags = run.data.metrics, run.data.tags
    start = test_metric("")
    names = [key.removeprefix(start).removesuffix("_low") for key in values if key.startswith(start) and key.endswith("_low")]
    ended = run.info.end_time
    seeds = values.get(test_metric("seeds"))
    return Row(
        run=tags.get(TAG_RUN) or run.info.run_name,
        run_id=run.info.run_id,
        recipe=tags.get(TAG_RECIPE) or run.data.params.get("name"),
        status=str(run.info.status).lower(),
        metrics={name: Interval(*(values[f"{start}{name}{end}"] for end in ("", "_low", "_high"))) for name in names},
        seeds=int(seeds) if seeds is not None else None,
        leaking=tags.get(TAG_LEAKING) == "true",
        oracle=tags.get(TAG_ORACLE) == "true",
        dataset=tags.get(TAG_DATASET),
        started=run.info.start_time / 1000,
        seconds=(ended - run.info.start_time) / 1000 if ended else None,
    )


def _print(rows: list[Row], metric: str, address: str) -> None:
    from rich.table import Table

    extra = [] if metric in ("auc", "accuracy", "sensitivity") else [metric]
    table = Table(box=None, pad_edge=False)
    for title in ("recipe", "status", "test AUC [95 %]", "accuracy", "sensitivity", *extra, "seeds", "leaks", "data", "time", "run"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        auc = row.metrics.get("auc")
        table.add_row(
            row.recipe or "",
            row.status,
            f"{auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]" if auc else "",
            *(f"{row.metrics[name].value:.3f}" if name in row.metrics else "" for name in ("accuracy", "sensitivity", *extra)),
            "" if row.seeds is None else str(row.seeds),
            "LEAKS" if row.leaking else "ORACLE" if row.oracle else "no",
            (row.dataset or "").removeprefix("sha256:")[:8],
            "" if row.seconds is None else _duration(row.seconds),
            row.run,
        )
    show(table)
    if len({row.dataset for row in rows if row.dataset}) > 1:
        click.echo("\nRuns on different data were tested on different images: compare only those with equal data.")
    click.echo(f"\nCompare them (with `lobule ui` where the store is on this machine):\n{address}")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
