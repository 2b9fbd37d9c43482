"""The study artifact: `best.json`, the recipe with the best trial's settings, is what training reads; `trials.json` lists all trials."""

import json
from pathlib import Path

from components.domain.errors import InputError
from components.domain.recipe import Recipe

BEST_FILE = "best.json"
TRIALS_FILE = "trials.json"
FINISHED = ("COMPLETE", "PRUNED")
"""States of the trials that ran to a result."""
CHOICES_FILE = "choices.json"
"""What recipe `auto` chose and why (`components.domain.auto.Chosen.to_json`); in MLflow it lies beside `recipe.json`."""


def write_best(directory: Path, recipe: Recipe) -> None:
    """Write the best recipe into the artifact."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / BEST_FILE).write_text(recipe.to_json() + "\n", encoding="utf-8")


def write_choices(directory: Path, text: str) -> Path:
    """Keep what recipe `auto` chose beside the study and return the file."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / CHOICES_FILE
    path.write_text(text + "\n", encoding="utf-8")
    return path


def read_best(directory: Path) -> Recipe:
    """Read what `write_best` wrote.

    Raises:
        InputError: if it is missing.
    """
    try:
        return Recipe.from_json((directory / BEST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"a study must hold a valid {BEST_FILE}, but {directory} does not ({type(error).__name__}); tune again") from None


def read_values(directory: Path) -> list[float | None]:
    """Return the validation AUC of every finished trial of a study; nothing where the study keeps no list.

    Raises:
        InputError: if the list is damaged.
    """
    path = directory / TRIALS_FILE
    try:
        trials = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        return [trial["value"] for trial in trials if trial["state"] in FINISHED]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} must list trials with their values, but does not ({type(error).__name__}); tune again") from None
