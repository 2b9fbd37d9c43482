"""The tags by which MLflow runs are found, grouped and compared."""

from components.domain.certificate import Certificate
from components.domain.names import TAG_CERTIFICATE, TAG_COMMIT, TAG_DATASET, TAG_LEAKING, TAG_RECIPE, TAG_TASK
from components.domain.recipe import Recipe


def run_tags(recipe: Recipe, certificate: Certificate, commit: str) -> dict[str, str]:
    """Return the tags of a pipeline run."""
    return {
        TAG_RECIPE: recipe.name,
        TAG_TASK: recipe.task,
        TAG_DATASET: certificate.dataset,
        TAG_CERTIFICATE: certificate.digest,
        TAG_LEAKING: str(certificate.leaking).lower(),
        TAG_COMMIT: commit,
        "mlflow.source.name": "lobule run",
        "model_family": recipe.backbone,
    }
