"""`lobule compare`: do two runs differ on the same test images, in which direction, and how many more cases would tell."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from components.domain.errors import InputError
from pipelines.cli.stored import compare_address, find_version, open_store, opens_with

if TYPE_CHECKING:
    from components.compare.compare import Comparison
    from components.tracking.evidence import Evidence

logger = logging.getLogger(__name__)
SHOWN = 12
"""Images of disagreement on the terminal; the page and --json show more."""


@click.command("compare")
@click.argument("runs", nargs=-1, metavar="RUN RUN [RUN ...]")
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="Metric that decides, instead of the four. Repeatable.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the comparison page here.")
@click.option("--log/--no-log", "log", default=True, help="Keep the page with the runs in MLflow, as compare/....html (default: yes).")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the resamples of the groups.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(runs: tuple[str, ...], metrics: tuple[str, ...], page: Path | None, log: bool, seed: int, as_json: bool) -> None:
    """Compare the chosen models of two to six RUNs on the same test images, in pairs.

    A RUN is a name or id of `lobule runs` or its beginning, or a registered model: NAME/VERSION or @ALIAS.
    AUC, accuracy, sensitivity and specificity decide: the AUC by DeLong's test, the shares by McNemar's exact test,
    others by a paired bootstrap; all of them take the images of one patient or scene as one case, and p-values are
    corrected for the number of questions (Holm). Where runs cannot be told apart, it says about how many more cases would tell.

    \b
    Examples:
      lobule compare quickstart-20260102-030405-a1b2 quickstart-20260103-040506-b2c3
      lobule compare @champion @challenger --html comparison.html
      lobule compare @champion lobule-histology/3 --metric sensitivity --json
    """
    if len(runs) < 2:
        raise InputError(f"a comparison needs two runs or more, but got {len(runs)}; `lobule runs` lists them")
    if not open_store():
        raise InputError("a comparison needs runs, but this store has none; start with `lobule run`")
    from components.compare.align import Entrant
    from components.compare.compare import DECIDING, compare_models

    found = _read(runs)
    entrants = [Entrant(each.run, each.report, each.predictions) for each in found]
    comparison = compare_models(entrants, deciding=metrics or DECIDING, seed=seed)
    address = compare_address([each.run_id for each in found], _experiment())
    made = _make_page(comparison, found, page, log=log)
    if as_json:
        click.echo(json.dumps({**_document(comparison, found), **made, "compare": address}, indent=2))
        return
    _print(comparison, found)
    for name, place in (("page", made["page"]), ("kept in MLflow as", made["artifact"])):
        if place:
            click.echo(f"{name}: {place}")
    click.echo(f"\nIn MLflow{opens_with()}:\n{address}")


def _read(runs: tuple[str, ...]) -> list["Evidence"]:
    from components.tracking.evidence import find_run, read_evidence

    found: dict[str, Evidence] = {}
    for text in runs:
        run_id = _version_run(text) if "@" in text or "/" in text else find_run(text).info.run_id
        if run_id in found:
            raise InputError(f"a run is compared with others, but {text!r} means {found[run_id].run}, which was named before; name another")
        found[run_id] = read_evidence(run_id)
    return list(found.values())


def _version_run(text: str) -> str:
    import mlflow
    from mlflow.exceptions import MlflowException

    name, version = find_version(text, None)
    try:
        run_id = mlflow.MlflowClient().get_model_version(name, version).run_id
    except MlflowException:
        raise InputError(f"there is no version {version} of {name}; see `lobule models`") from None
    if not run_id:
        raise InputError(f"a version must come from a run that evaluated it, but version {version} of {name} has none; choose another")
    return str(run_id)


def _experiment() -> str:
    import mlflow

    from components.domain.names import EXPERIMENT

    return str(mlflow.get_experiment_by_name(EXPERIMENT).experiment_id)


def _make_page(comparison: "Comparison", found: list["Evidence"], page: Path | None, *, log: bool) -> dict[str, str | None]:
    """Write the page where it is asked for, and keep it with the runs; a store that takes no file is told, and costs no more."""
    made: dict[str, str | None] = {"page": None, "artifact": None}
    if page is None and not log:
        return made
    from components.compare.page import SHOWN as PICTURED
    from components.compare.page import render
    from components.compare.pictures import read_pictures

    ids = [each.id for each in comparison.disagreements[:PICTURED]]
    pictures = next((shown for each in found if (shown := read_pictures(each.dataset, ids))), {})
    text = render(comparison, _settings(found), pictures)
    if page is not None:
        try:
            page.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"--html must be a file that can be written, but {page} cannot ({error.strerror}); name another") from None
        made["page"] = str(page)
    if log:
        import mlflow
        from mlflow.exceptions import MlflowException

        made["artifact"] = f"compare/{'-vs-'.join(each.run_id[:8] for each in found)}.html"
        try:
            for each in found:
                mlflow.MlflowClient().log_text(each.run_id, text, made["artifact"])
        except (MlflowException, OSError) as error:
            logger.warning("the page is not kept in MLflow: %s", " ".join(str(error).split())[:200])
            made["artifact"] = None
    return made


def _settings(found: list["Evidence"]) -> dict[str, list[str]]:
    """Return the settings that differ between the runs, by name: one value each run."""
    recipes = [each.recipe.flat() if each.recipe else {} for each in found]
    keys = sorted({key for recipe in recipes for key in recipe}) if all(recipes) else []
    values = {key: [_spoken(recipe.get(key, "")) for recipe in recipes] for key in keys}
    return {key: each for key, each in values.items() if len(set(each)) > 1}


def _spoken(value: str | int | float | bool) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _document(comparison: "Comparison", found: list["Evidence"]) -> dict[str, Any]:
    from dataclasses import asdict

    pairs = [
        {
            "first": pair.first,
            "second": pair.second,
            "differ": pair.told,
            "verdict": pair.verdict,
            "sentences": list(pair.sentences),
            "differences": {name: {**asdict(each), "told": each.told} for name, each in pair.paired.differences.items()},
            "discordant": {name: asdict(each) for name, each in pair.paired.discordant.items()},
        }
        for pair in comparison.pairs
    ]
    return {
        "runs": [{"run": each.run, "run_id": each.run_id, "bundle": each.report.bundle, "seeds": each.report.seeds} for each in found],
        "images": comparison.images,
        "groups": comparison.groups,
        "same_test_images": comparison.aligned.same,
        "warnings": list(comparison.warnings),
        "decided_by": list(comparison.deciding),
        "settings": _settings(found),
        "pairs": pairs,
        "disagreements": [asdict(each) for each in comparison.disagreements],
    }


def _print(comparison: "Comparison", found: list["Evidence"]) -> None:
    from pipelines.cli.compared import print_disagreements, print_pair, print_runs

    print_runs(comparison, found, _settings(found))
    for pair in comparison.pairs:
        print_pair(pair, comparison)
    print_disagreements(comparison, SHOWN)
