"""The training pipeline: from a source of images to a registered, gated, packaged and checked model.

One definition for this machine and for a cluster; what differs between them (retries, accelerators) is a setting of the
compilation, never of a step. The gate stands behind the check of the packaged service: what is promoted is known to serve.
"""

from dataclasses import dataclass
from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Markdown, Metrics, PipelineTask

from components.augment.component import augment
from components.evaluate.component import evaluate
from components.ingest.component import ingest
from components.monitor.component import monitor
from components.package.component import package
from components.promote.component import promote
from components.register.component import register
from components.serve_check.component import serve_check
from components.train.component import train
from components.tune.component import tune

NAME = "lobule-training"


CHECKED_IMAGES = 200
"""Test images sent through the packaged service, at most."""
FALSE_ALARM_RATE = 0.01
"""Chance of a false alarm of the drift check over those images."""


class Results(NamedTuple):
    """What a run leaves for its user."""

    outcome: str
    decision: Markdown
    version: str
    report: Metrics
    bento: Artifact
    check: Artifact
    drift: str
    drift_report: Metrics


@dataclass(frozen=True)
class Placement:
    """What tasks ask of the machine that they run on.

    Attributes:
        retries: how often a failed task is tried again, with a growing pause.
        gpus: accelerators of `tune` and `train`; 0 trains on the CPU.
        accelerator: resource key of an accelerator.
        caching: reuse the output of a task whose inputs and code are the same.
    """

    retries: int = 2
    gpus: int = 1
    accelerator: str = "nvidia.com/gpu"
    caching: bool = True


def training_pipeline(placement: Placement) -> dsl.base_component.BaseComponent:
    """Return the pipeline for a placement, ready to run locally or to be compiled."""

    def place(task: PipelineTask, *, cpu: str, memory: str, gpus: int = 0, pure: bool = True) -> PipelineTask:
        task.set_cpu_request(cpu).set_memory_request(memory).set_memory_limit(memory)
        if gpus:
            task.set_accelerator_type(placement.accelerator).set_accelerator_limit(gpus)
        if placement.retries:
            task.set_retry(num_retries=placement.retries, backoff_duration="30s", backoff_factor=2.0, backoff_max_duration="600s")
        task.set_caching_options(placement.caching and pure)
        return task

    @dsl.pipeline(name=NAME, description="Folders of breast images to a registered, gated, packaged and checked model.")
    def pipeline(  # noqa: PLR0917 - KFP passes arguments by name
        source: str,
        source_version: str,
        recipe: str,
        ingest_recipe: str,
        augment_recipe: str,
        weights: str,
        model: str,
        policy: str,
        run: str,
        code: str,
        commit: str,
        actor: str = "",
        apply: bool = False,
        allow_leakage: bool = False,
    ) -> Results:
        """Train, evaluate, register, gate, package and check a model.

        Args:
            source: where the images are.
            source_version: fingerprint of what is there; keys the cache.
            recipe: JSON of the recipe.
            ingest_recipe: its part that ingest uses, so that a change of any other setting decodes no image again.
            augment_recipe: its part that augment uses.
            weights: imagenet, none, a file or s3://bucket/key.
            model: name under which it is registered.
            policy: JSON of the promotion policy.
            run: name of this run.
            code: digest of the code; keys the cache.
            commit: git commit of the code.
            actor: who starts the run, for the promotion ledger.
            apply: move the champion alias when the gate says promote.
            allow_leakage: split by image, as published protocols do; the model is marked for good and never becomes champion.
        """
        data = place(
            ingest(source=source, source_version=source_version, recipe=ingest_recipe, code=code, allow_leakage=allow_leakage),
            cpu="2",
            memory="4Gi",
        )
        dataset = data.outputs["dataset"]
        augmented = place(augment(dataset=dataset, recipe=augment_recipe, code=code), cpu="1", memory="4Gi")
        training_set = augmented.outputs["training_set"]
        tuned = place(
            tune(training_set=training_set, recipe=recipe, weights=weights, run=run, code=code, commit=commit),
            cpu="4",
            memory="16Gi",
            gpus=placement.gpus,
        )
        trained = place(
            train(training_set=training_set, study=tuned.outputs["study"], weights=weights, run=run, code=code, commit=commit),
            cpu="4",
            memory="16Gi",
            gpus=placement.gpus,
        )
        candidates = trained.outputs["candidates"]
        evaluated = place(evaluate(candidates=candidates, dataset=dataset, run=run, code=code), cpu="2", memory="8Gi")
        report = evaluated.outputs["report"]
        registered = place(register(candidates=candidates, dataset=dataset, report=report, run=run, code=code), cpu="1", memory="2Gi")
        version = registered.output
        packaged = place(package(candidates=candidates, name=model, version=version, code=code), cpu="1", memory="2Gi")
        checked = place(
            serve_check(
                bento=packaged.outputs["bento"],
                dataset=dataset,
                report=report,
                name=model,
                version=version,
                images=CHECKED_IMAGES,
                code=code,
            ),
            cpu="2",
            memory="4Gi",
        )
        gate = place(
            promote(dataset=dataset, name=model, version=version, policy=policy, run=run, actor=actor, apply=apply, code=code).after(
                checked
            ),
            cpu="1",
            memory="2Gi",
            pure=False,
        )
        watched = place(
            monitor(predictions=checked.outputs["predictions"], candidates=candidates, run=run, code=code, alpha=FALSE_ALARM_RATE).after(
                gate
            ),
            cpu="1",
            memory="4Gi",
        )
        return Results(
            outcome=gate.outputs["Output"],
            decision=gate.outputs["decision"],
            version=version,
            report=report,
            bento=packaged.outputs["bento"],
            check=checked.outputs["check"],
            drift=watched.outputs["Output"],
            drift_report=watched.outputs["drift"],
        )

    return pipeline
