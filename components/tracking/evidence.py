"""What a pipeline run left in MLflow for a comparison: its report, its predictions, its recipe, and where its data lay."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from components.domain.errors import InputError
from components.domain.names import EXPERIMENT, TAG_KIND, TAG_RUN
from components.domain.predictions import Predictions, read_predictions
from components.domain.recipe import Recipe
from components.domain.report import PREDICTIONS_FILE, REPORT_FILE, Report

RECIPE_FILE = "recipe.json"
SHORTEST_PREFIX = 4


@dataclass(frozen=True)
class Evidence:
    """A run that was evaluated.

    Attributes:
        run: name of the pipeline run.
        run_id: of its MLflow run.
        report, predictions: of its evaluation.
        recipe: that its models were trained with; None where it was not kept.
        dataset: directory of its data set, None where none was recorded; it may be on another machine.
    """

    run: str
    run_id: str
    report: Report
    predictions: Predictions
    recipe: Recipe | None
    dataset: Path | None


def find_run(text: str) -> Run:
    """Return the pipeline run that a name, an MLflow id, or the beginning of one of them means.

    Raises:
        InputError: if it means none, or several.
    """
    runs = mlflow.search_runs(experiment_names=[EXPERIMENT], filter_string=f"tags.`{TAG_KIND}` = 'run'", output_format="list")
    exact = [run for run in runs if text in _names(run)]
    found = exact or [run for run in runs if len(text) >= SHORTEST_PREFIX and any(name.startswith(text) for name in _names(run))]
    if len(found) == 1:
        return found[0]
    if found:
        names = sorted(_names(run)[0] for run in found)
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        raise InputError(f"a run must be named so that one is meant, but {text!r} means {len(names)}: {shown}; write more of it")
    raise InputError(
        f"there is no run {text!r} in this store; write a name or id of `lobule runs` or its beginning, "
        "or NAME/VERSION or @ALIAS of `lobule models`"
    )


def read_evidence(run_id: str) -> Evidence:
    """Read what a run's evaluation left.

    Raises:
        InputError: if the run was not evaluated, or is not there.
    """
    try:
        run = mlflow.get_run(run_id)
    except MlflowException:
        raise InputError(f"a run must be in the store, but {run_id} is not; see `lobule runs`") from None
    name = _names(run)[0]
    with tempfile.TemporaryDirectory(prefix="lobule-evidence-") as folder:
        for file in (REPORT_FILE, PREDICTIONS_FILE):
            if not _fetched(run_id, file, folder):
                raise InputError(
                    f"a run must hold {file} to be compared, but {name} ({run.info.status.lower()}) does not; "
                    "finish it with `lobule run --resume`, or choose an evaluated one of `lobule runs`"
                )
        report = Report.read(Path(folder))
        recipe = _fetched(run_id, RECIPE_FILE, folder)
        return Evidence(
            run=name,
            run_id=run_id,
            report=report,
            predictions=read_predictions(Path(folder), report),
            recipe=Recipe.from_json((Path(folder) / RECIPE_FILE).read_text(encoding="utf-8")) if recipe else None,
            dataset=_dataset(run),
        )


def _names(run: Run) -> tuple[str, str, str]:
    return str(run.data.tags.get(TAG_RUN) or run.info.run_name), str(run.info.run_id), str(run.info.run_name)


def _fetched(run_id: str, file: str, folder: str) -> bool:
    try:
        mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=file, dst_path=folder)
    except (MlflowException, OSError):
        return False
    return True


def _dataset(run: Run) -> Path | None:
    for given in run.inputs.dataset_inputs:
        source = json.loads(given.dataset.source).get("uri", "")
        address = urlparse(source)
        if address.scheme in ("", "file") and address.path:
            return Path(unquote(address.path))
    return None
