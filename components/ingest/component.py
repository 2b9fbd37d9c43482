"""The ingest step of the pipeline, and what stands before it on a cluster."""

from kfp import dsl
from kfp.dsl import Dataset, Output, OutputPath

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def ingest(source: str, source_version: str, recipe: str, code: str, dataset: Output[Dataset], allow_leakage: bool = False) -> str:
    """Make a certified data set of a source and return the certificate's digest.

    Args:
        source: a folder or `sample:KIND`.
        source_version: fingerprint of the source; only keys the cache.
        recipe: JSON of the recipe, or of its part that this step uses; keys the cache.
        code: digest of the code; only keys the cache.
        dataset: the data set.
        allow_leakage: split by image, as published protocols do; everything made of it is marked as leaking.
    """
    from pathlib import Path

    from components.domain import settings
    from components.domain.console import step
    from components.domain.recipe import Recipe
    from components.ingest.ingest import ingest_source
    from components.tracking.failure import record_failure

    with step("ingest", record_failure):
        certificate = ingest_source(
            source,
            Path(dataset.path),
            recipe=Recipe.from_json(recipe),
            cache=settings.home() / "cache",
            memory=settings.home() / "splits",
            allow_leakage=allow_leakage,
        )
        dataset.metadata["certificate"] = certificate.digest
        dataset.metadata["images"] = certificate.images
    return certificate.digest


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def ingest_version(
    source: str,
    recipe: str,
    run: str,
    code: str,
    name: OutputPath(str),  # type: ignore[valid-type]
) -> str:
    """Open the run in MLflow and return the fingerprint of the source as it is now, which keys the cache of ingest.

    Args:
        source: where the images are.
        recipe: JSON of the recipe.
        run: name of the run; "" names it by recipe and run of Kubeflow Pipelines, so that each run of a schedule is one of its own.
        code: digest of the code.
        name: of the run.
    """
    from pathlib import Path

    from components.domain import settings
    from components.domain.console import step
    from components.domain.recipe import Recipe
    from components.ingest.source import version_now
    from components.tracking.failure import record_failure
    from components.tracking.mlflow_tracker import open_run

    with step("ingest_version", record_failure):
        chosen = run or f"{Recipe.from_json(recipe).name.replace(':', '-')}-{settings.job()}".rstrip("-")
        with open_run(chosen):
            version = version_now(source, cache=settings.home() / "cache")
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(chosen, encoding="utf-8")
    return version
