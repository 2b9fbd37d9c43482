"""The pipelines as IR YAML, its parameters filled with what is known before a run."""

from collections.abc import Mapping
from pathlib import Path

from kfp import compiler

from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_json
from components.promote.policy import Policy, policy_text
from pipelines.cluster import cluster_pipeline
from pipelines.monitoring import Log, monitoring_pipeline
from pipelines.placement import Placement
from pipelines.version import code_digest, git_commit

Values = Mapping[str, str | float | bool]


def known_parameters() -> dict[str, str]:
    """Return what this checkout decides of any run: policy, code and commit."""
    return {"policy": Policy.from_toml(policy_text()).to_json(), "code": code_digest(), "commit": git_commit()}


def compile_pipeline(output: Path, recipe: Recipe, placement: Placement, *, parameters: Values | None = None) -> None:
    """Write the training pipeline as IR YAML.

    Args:
        output: `.yaml` file to write.
        recipe: becomes the default of the parameter `recipe`; `ingest_recipe`, `augment_recipe`, `model`, `weights` and `policy` follow
            from it.
        placement: resources, retries, caching and what pods have.
        parameters: further defaults.
    """
    parts = {f"{step}_recipe": part_json(recipe, step) for step in ("ingest", "augment")}
    known = {"weights": recipe.usual_weights, "recipe": recipe.to_json(), **parts, "model": recipe.model_name, **known_parameters()}
    compiler.Compiler().compile(cluster_pipeline(placement), str(output), pipeline_parameters={**known, **(parameters or {})})


def compile_monitoring(output: Path, placement: Placement, *, parameters: Values, log: Log) -> None:
    """Write the monitoring pipeline as IR YAML.

    Args:
        output: `.yaml` file to write.
        placement: resources and retries of the training that it may lead to.
        parameters: defaults of the pipeline's parameters; policy, code, commit and the log's place are filled in.
        log: where the prediction log is.
    """
    known = {**known_parameters(), "log_directory": log.path}
    compiler.Compiler().compile(monitoring_pipeline(placement, log), str(output), pipeline_parameters={**known, **parameters})
