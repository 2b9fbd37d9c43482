"""The study artifact: `best.json`, the recipe with the best trial's settings, is what training reads."""

from pathlib import Path

from components.domain.errors import InputError
from components.domain.recipe import Recipe

BEST_FILE = "best.json"


def write_best(directory: Path, recipe: Recipe) -> None:
    """Write the best recipe into the artifact."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / BEST_FILE).write_text(recipe.to_json() + "\n", encoding="utf-8")


def read_best(directory: Path) -> Recipe:
    """Read what `write_best` wrote.

    Raises:
        InputError: if it is missing.
    """
    try:
        return Recipe.from_json((directory / BEST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"a study must hold a valid {BEST_FILE}, but {directory} does not ({type(error).__name__}); tune again") from None
