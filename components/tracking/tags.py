"""The tags by which MLflow runs are found, grouped and compared."""

from components.domain.auto import changed_by_user
from components.domain.certificate import Certificate
from components.domain.names import TAG_CERTIFICATE, TAG_COMMIT, TAG_DATASET, TAG_LEAKING, TAG_ORACLE, TAG_RECIPE, TAG_SETTINGS, TAG_TASK
from components.domain.parameters import changes
from components.domain.recipe import Recipe


def run_tags(name: str, recipe: Recipe, certificate: Certificate, commit: str, *, choices: str = "") -> dict[str, str]:
    """Return the tags of a pipeline run.

    MLflow shows it under what was changed of its recipe, the recipe and the end of its name, so that a narrow column tells runs
    apart; `lobule.run` keeps the name. Where the recipe was chosen by rules, `choices` says what the user set (`components.domain.auto`).
    """
    changed = changed_by_user(choices) if choices else changes(recipe)
    return {
        "mlflow.runName": " ".join(filter(None, (changed, recipe.name, name.rpartition("-")[2]))),
        TAG_SETTINGS: changed,
        TAG_RECIPE: recipe.name,
        TAG_TASK: recipe.task,
        TAG_DATASET: certificate.dataset,
        TAG_CERTIFICATE: certificate.digest,
        TAG_LEAKING: str(certificate.leaking).lower(),
        TAG_ORACLE: str(recipe.oracle).lower(),
        TAG_COMMIT: commit,
        "mlflow.source.name": "lobule run",
        "model_family": recipe.backbone,
    }
