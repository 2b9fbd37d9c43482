"""The ingest step of the pipeline."""

from kfp import dsl
from kfp.dsl import Dataset, Output

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

    with step("ingest"):
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
