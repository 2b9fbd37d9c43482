"""The pipeline as IR YAML, its parameters filled with what is known before a run."""

from pathlib import Path

from kfp import compiler

from components.domain.recipe import Recipe
from pipelines.training import Placement, training_pipeline
from pipelines.version import ROOT, code_digest, git_commit

POLICY_FILE = ROOT / "mlflow" / "promotion-policy.toml"


def compile_pipeline(output: Path, recipe: Recipe, placement: Placement) -> None:
    """Write the training pipeline as IR YAML.

    Args:
        output: `.yaml` file to write.
        recipe: becomes the default of the parameter `recipe`; `model` and `policy` follow from it.
        placement: resources, retries and caching.
    """
    parameters = {
        "recipe": recipe.to_json(),
        "model": recipe.model_name,
        "policy": POLICY_FILE.read_text(encoding="utf-8"),
        "code": code_digest(),
        "commit": git_commit(),
    }
    compiler.Compiler().compile(training_pipeline(placement), str(output), pipeline_parameters=parameters)
