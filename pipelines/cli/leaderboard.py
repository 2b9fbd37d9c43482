"""The rows of the leaderboard: one per pipeline run, which is one set of seeds, ranked among runs of the same test images."""

from dataclasses import dataclass
from typing import Any

from components.domain.errors import InputError
from components.domain.names import (
    EXPERIMENT,
    PATIENT,
    TAG_DATASET,
    TAG_KIND,
    TAG_LEAKING,
    TAG_ORACLE,
    TAG_RECIPE,
    TAG_RUN,
    TAG_SETTINGS,
    TAG_TEST,
    read_intervals,
    seed_metrics,
    test_metric,
)
from components.domain.report import Interval

FINISHED = "finished"


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a metric over the seeds' models."""

    mean: float
    std: float


@dataclass(frozen=True)
class Row:
    """One pipeline run.

    Attributes:
        run, run_id: its name, and the id of its MLflow run.
        recipe, settings: its preset, and what was changed of it.
        status: of the MLflow run, in small letters.
        metrics: of its chosen model on the test split, by name.
        over_seeds: of all its models.
        seeds, trials: how many models, and how many trials before them.
        images, groups: size of the test split.
        leaking, oracle: marks that put it last.
        dataset, test: digests of its data and of its test split.
        started: seconds since 1970.
        seconds: that it took; None while it runs.
    """

    run: str
    run_id: str
    recipe: str | None
    settings: str
    status: str
    metrics: dict[str, Interval]
    over_seeds: dict[str, Spread]
    seeds: int | None
    trials: int | None
    images: int | None
    groups: int | None
    leaking: bool
    oracle: bool
    dataset: str | None
    test: str | None
    started: float
    seconds: float | None

    def ranks(self, metric: str) -> bool:
        """Return whether it came to its end, its figures may be believed, and this metric is one of them."""
        return self.status == FINISHED and self.figure(metric) is not None and not self.leaking and not self.oracle

    def figure(self, metric: str) -> float | None:
        """Return what it is ranked by: the mean over its seeds, or its chosen model's value where that is all there is."""
        spread, chosen = self.over_seeds.get(metric), self.metrics.get(metric)
        return spread.mean if spread else chosen.value if chosen else None


@dataclass(frozen=True)
class Board:
    """Runs that were tested on the same images, best first; those that were never evaluated share a board without digest."""

    test: str | None
    rows: list[Row]


def boards(rows: list[Row], metric: str) -> list[Board]:
    """Rank runs by a test metric among those of the same test images.

    In each board finished runs come first, best first; then failed and running ones, leaking ones and oracles. The board with the
    newest run is the first; runs that were never evaluated come last.

    Raises:
        InputError: if no metric of that name exists.
    """
    from components.domain.directions import DIRECTIONS, direction

    higher = direction(metric)
    if higher is None:
        patients = {name for row in rows for name in row.metrics if name.startswith(PATIENT)}
        raise InputError(f"there is no metric {metric!r}; sort by one of {', '.join(sorted({*DIRECTIONS, *patients}))}")
    sign = -1 if higher else 1
    tests = {row.dataset: row.test for row in rows if row.test}

    def place(row: Row) -> tuple[bool, bool, bool, float]:
        figure = row.figure(metric)
        return row.leaking or row.oracle, row.status != FINISHED, figure is None, 0.0 if figure is None else sign * figure

    found: dict[str | None, list[Row]] = {}
    for row in sorted(rows, key=lambda row: -row.started):
        found.setdefault((row.test or tests.get(row.dataset) or row.dataset) if row.metrics else None, []).append(row)
    order = sorted(found, key=lambda test: test is None)
    return [Board(test, sorted(found[test], key=place)) for test in order]


def select(rows: list[Row], *, recipe: str | None, data: str | None) -> list[Row]:
    """Return the runs of a recipe, and of data or test images whose digest begins like this."""
    digest = (data or "").removeprefix("sha256:")
    return [
        row
        for row in rows
        if recipe in (None, row.recipe)
        and (not digest or any((each or "").removeprefix("sha256:").startswith(digest) for each in (row.dataset, row.test)))
    ]


def read_rows() -> tuple[list[Row], str]:
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
    measured = read_intervals(values)
    ended = run.info.end_time

    def count(name: str) -> int | None:
        return int(values[name]) if name in values else None

    return Row(
        run=tags.get(TAG_RUN) or run.info.run_name,
        run_id=run.info.run_id,
        recipe=tags.get(TAG_RECIPE),
        settings=tags.get(TAG_SETTINGS, ""),
        status=str(run.info.status).lower(),
        metrics={name: Interval(*each) for name, each in measured.items()},
        over_seeds={
            name: Spread(*(values[each] for each in seed_metrics(name))) for name in measured if set(seed_metrics(name)) <= set(values)
        },
        seeds=count(test_metric("seeds")),
        trials=count("trials"),
        images=count(test_metric("images")),
        groups=count(test_metric("groups")),
        leaking=tags.get(TAG_LEAKING) == "true",
        oracle=tags.get(TAG_ORACLE) == "true",
        dataset=tags.get(TAG_DATASET),
        test=tags.get(TAG_TEST),
        started=run.info.start_time / 1000,
        seconds=(ended - run.info.start_time) / 1000 if ended else None,
    )
