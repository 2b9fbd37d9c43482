"""The training pipeline as a cluster runs it: the steps, between the one that opens the run and the one that closes it.

The run is opened and named by a task and not by who submits it, so that a schedule's runs are each their own and see the source as it is
then; it is closed by the task that KFP runs however the others ended.
"""

from kfp import dsl

from components.close.component import close
from components.ingest.component import ingest_version
from pipelines.placement import Placement
from pipelines.training import DESCRIPTION, NAME, training_steps


def cluster_pipeline(placement: Placement) -> dsl.base_component.BaseComponent:
    """Return the pipeline for a placement, ready to be compiled."""

    @dsl.pipeline(name=NAME, description=DESCRIPTION)
    def pipeline(  # noqa: PLR0917 - KFP passes arguments by name
        source: str,
        recipe: str,
        ingest_recipe: str,
        augment_recipe: str,
        weights: str,
        model: str,
        policy: str,
        code: str,
        commit: str,
        run: str = "",
        actor: str = "",
        apply: bool = False,
        allow_leakage: bool = False,
    ) -> None:
        """Train, evaluate, register, gate, package and check a model.

        Args:
            source: where the images are: s3://bucket/prefix, kaggle:owner/dataset, sample:KIND, or a path that every task sees.
            recipe: JSON of the recipe.
            ingest_recipe: its part that ingest uses, so that a change of any other setting decodes no image again.
            augment_recipe: its part that augment uses.
            weights: imagenet, none, s3://bucket/key or a path that every task sees.
            model: name under which it is registered.
            policy: JSON of the promotion policy.
            code: digest of the code; keys the cache.
            commit: git commit of the code.
            run: name of this run; "" names it by recipe and run of Kubeflow Pipelines.
            actor: who starts the run, for the promotion ledger.
            apply: move the champion alias when the gate says promote.
            allow_leakage: split by image, as published protocols do; the model is marked for good and never becomes champion.
        """
        closing = placement.place(close(code=code), memory="1Gi", pure=False)
        with dsl.ExitHandler(closing, name="train"):
            opened = placement.place(ingest_version(source=source, recipe=recipe, run=run, code=code), memory="1Gi", pure=False)
            training_steps(
                placement,
                source=source,
                source_version=opened.outputs["Output"],
                recipe=recipe,
                ingest_recipe=ingest_recipe,
                augment_recipe=augment_recipe,
                weights=weights,
                model=model,
                policy=policy,
                run=opened.outputs["name"],
                code=code,
                commit=commit,
                actor=actor,
                apply=apply,
                allow_leakage=allow_leakage,
            )

    return pipeline
