"""`lobule runs`: the leaderboard, one line per pipeline run and its set of seeds."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pipelines.cli.stored import compare_address, open_store, opens_with, show

if TYPE_CHECKING:
    from components.domain.report import Interval
    from pipelines.cli.leaderboard import Board, Row

NOTHING = "No run yet. Start one: lobule run"
COMPARED = 10
"""Runs on the compare page, from the top."""
USUAL = ("auc", "accuracy", "sensitivity")


@click.command("runs")
@click.option("--recipe", metavar="NAME", help="Only runs of this recipe.")
@click.option("--data", metavar="DIGEST", help="Only runs of this data, or of these test images: the beginning of a digest that is shown.")
@click.option(
    "--sort", "metric", metavar="METRIC", default="auc", show_default=True, help="Test metric to rank by, e.g. sensitivity or ece."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(recipe: str | None, data: str | None, metric: str, as_json: bool) -> None:
    """Rank the pipeline runs by a metric on the untouched test split.

    A run is a set of seeds: it ranks by the mean over its seeds' models, shown with their standard deviation; beside it stands
    the chosen model with its 95 % interval, over groups of images. Only runs tested on the same images rank against each other.
    Failed and running runs, leaking ones and oracles (`roi=mask`) come last whatever their figures.
    The last line is the address of the MLflow page that compares the first board's runs.

    \b
    Examples:
      lobule runs
      lobule runs --recipe quickstart --sort sensitivity
      lobule runs --data 82938857 --json
    """
    from pipelines.cli.leaderboard import boards, read_rows, select

    rows, experiment = read_rows() if open_store() else ([], "")
    found = boards(select(rows, recipe=recipe, data=data), metric)
    first = [row.run_id for row in found[0].rows[:COMPARED]] if found else []
    address = compare_address(first, experiment) if first else None
    if as_json:
        ranked = [{"rank": rank, "board": board.test, **asdict(row)} for board in found for rank, row in _ranked(board, metric)]
        click.echo(json.dumps({"sorted_by": metric, "runs": ranked, "compare": address}, indent=2))
    elif not found:
        said = " ".join(f"{name} {value}" for name, value in (("of recipe", recipe), ("on data", data)) if value)
        start = f"lobule run --recipe {recipe}" if recipe else "lobule run"
        click.echo(f"No run {said} yet. Start one: {start}" if said else NOTHING)
    else:
        _print(found, metric)
        click.echo(f"\nCompare them in MLflow{opens_with()}:\n{address}")


def _ranked(board: "Board", metric: str) -> list[tuple[int | None, "Row"]]:
    """Return each row with its place, None where it has none."""
    return [(place if row.ranks(metric) else None, row) for place, row in enumerate(board.rows, start=1)]


def _print(found: list["Board"], metric: str) -> None:
    for number, board in enumerate(found):
        if number:
            click.echo()
        first = board.rows[0]
        if board.test is None:
            click.echo("Not evaluated")
        else:
            data = ", ".join(sorted({_short(row.dataset) for row in board.rows}))
            click.echo(f"Test images {_short(board.test)}: {first.images or '?'} images of {first.groups or '?'} groups; data {data}")
        _print_board(board, metric)
    if sum(board.test is not None for board in found) > 1:
        click.echo("\nRuns on different test images are not ranked against each other; `lobule compare` says what they have in common.")


def _print_board(board: "Board", metric: str) -> None:
    from rich.table import Table

    evaluated = board.test is not None
    name = "AUC" if metric == "auc" else metric
    extra = [each for each in USUAL if each != metric] if evaluated else []
    figures = [f"{name} over seeds", f"chosen {name} [95 %]", *extra] if evaluated else []
    table = Table(box=None, pad_edge=False)
    for title in ("", "recipe", *figures, "seeds", "trials", "time", "run"):
        table.add_column(title, no_wrap=True)
    for rank, row in _ranked(board, metric):
        spread = row.over_seeds.get(metric)
        told = [
            (f"{spread.mean:.3f} +- {spread.std:.3f}" if row.seeds and row.seeds > 1 else "one seed") if spread else "",
            _figure(row.metrics.get(metric)),
            *(f"{row.metrics[each].value:.3f}" if each in row.metrics else "" for each in extra),
        ]
        table.add_row(
            _place(rank, row, metric),
            " ".join(filter(None, (row.recipe, row.settings))),
            *(told if evaluated else ()),
            "" if row.seeds is None else str(row.seeds),
            "" if row.trials is None else str(row.trials),
            "" if row.seconds is None else _duration(row.seconds),
            row.run,
        )
    show(table)


def _place(rank: int | None, row: "Row", metric: str) -> str:
    """Return a run's place, or why it has none."""
    if rank:
        return str(rank)
    unmeasured = f"no {metric}" if row.metrics and row.status == "finished" else row.status
    return "LEAKS" if row.leaking else "ORACLE" if row.oracle else unmeasured


def _figure(interval: "Interval | None") -> str:
    if interval is None:
        return ""
    return f"{interval.value:.3f} " + ("too few groups" if interval.says_nothing else f"[{interval.low:.3f}, {interval.high:.3f}]")


def _short(digest: str | None) -> str:
    return (digest or "").removeprefix("sha256:")[:8]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
