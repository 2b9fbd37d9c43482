"""Packaging as a pipeline step."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Model, Output

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def package(candidates: Input[Model], name: str, version: str, code: str, bento: Output[Artifact]) -> str:
    """Build the Bento of the chosen model; returns its tag.

    Args:
        candidates: model bundles, one per seed, and which was chosen.
        name: of the Bento, for example the registered model's.
        version: of the Bento, for example the registered version.
        code: digest of the code; a change of it makes a cached result stale.
        bento: the Bento; `bentoml serve <path>` serves it.
    """
    from pathlib import Path

    from components.domain.candidates import Candidates
    from components.domain.console import step
    from components.package.bento import package_bundle
    from components.tracking.failure import record_failure

    with step("package", record_failure):
        source = Path(candidates.path)
        tag = package_bundle(source / Candidates.read(source).chosen, Path(bento.path), name=name, version=version)
        bento.metadata["tag"] = tag
        return tag
