"""What the run of a registered version keeps: its evaluation, and the recipe and weights that made it."""

import tempfile
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

from components.domain.errors import InputError
from components.domain.names import TAG_WEIGHTS
from components.domain.predictions import Predictions, read_predictions
from components.domain.recipe import Recipe
from components.domain.report import PREDICTIONS_FILE, REPORT_FILE, Report

RECIPE_FILE = "recipe.json"


def fetch_evaluation(name: str, version: str, directory: Path) -> bool:
    """Bring the test report and the test predictions of a registered version into a directory, which is made.

    Returns:
        Whether its run keeps them; nothing is left in the directory where not.
    """
    run_id = mlflow.MlflowClient().get_model_version(name, version).run_id
    directory.mkdir(parents=True, exist_ok=True)
    try:
        for file in (REPORT_FILE, PREDICTIONS_FILE):
            mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=file, dst_path=str(directory))
    except (MlflowException, OSError):
        (directory / REPORT_FILE).unlink(missing_ok=True)
        return False
    return True


def read_evaluation(name: str, version: str) -> tuple[Report, Predictions] | None:
    """Return the test report and the test predictions of a registered version; None where its run keeps none.

    Raises:
        InputError: if they are damaged.
    """
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        if not fetch_evaluation(name, version, directory):
            return None
        report = Report.read(directory)
        return report, read_predictions(directory, report)


def read_recipe(name: str, version: str) -> tuple[Recipe, str]:
    """Return the recipe of a registered version, and the weights that its training began from ("" where its run does not say).

    Raises:
        InputError: if its run keeps no recipe.
    """
    run_id = mlflow.MlflowClient().get_model_version(name, version).run_id
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=RECIPE_FILE, dst_path=folder))
            text = path.read_text(encoding="utf-8")
        except (MlflowException, OSError):
            raise InputError(
                f"a model is retrained with its own recipe, but the run of {name}/{version} keeps no {RECIPE_FILE}; use `lobule run`"
            ) from None
    return Recipe.from_json(text), str(mlflow.get_run(run_id).data.tags.get(TAG_WEIGHTS, ""))
