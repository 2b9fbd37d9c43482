"""The training pipeline: from a source of images to a registered, gated, packaged and checked model.

One definition of the steps for this machine and for a cluster (`pipelines.cluster`); what differs between them is a setting of the
compilation (`pipelines.placement`), never of a step. The gate stands behind the check of the packaged service: what is promoted is
known to serve.
"""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Markdown, Metrics

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
from pipelines.placement import Placement

NAME = "lobule-training"
DESCRIPTION = "Folders of breast images to a registered, gated, packaged and checked model."
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


def training_steps(
    placement: Placement,
    *,
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
    actor: str,
    apply: bool,
    allow_leakage: bool,
    workers: int = 1,
    choices: str = "",
) -> Results:
    """Add the steps to the pipeline that is being built; arguments as of `training_pipeline`, values or what carries them there.

    `placement.workers` tasks search one study together: one creates it, then they run its trials, and the last one runs what they left
    (nothing, unless one was lost) and writes what came out. `workers` are processes within a task.
    """
    place = placement.place
    data = place(
        ingest(source=source, source_version=source_version, recipe=ingest_recipe, code=code, allow_leakage=allow_leakage),
        cpus=2,
        memory="4Gi",
    )
    dataset = data.outputs["dataset"]
    augmented = place(augment(dataset=dataset, recipe=augment_recipe, code=code), memory="4Gi")
    training_set = augmented.outputs["training_set"]
    study = {"training_set": training_set, "recipe": recipe, "weights": weights, "run": run, "code": code, "commit": commit}
    tuned = tune(**study, workers=workers, choices=choices)
    if placement.workers > 1:
        created = place(tune(**study, part="create"), pure=False)
        beside = [tune(**study, part="work", workers=placement.workers).after(created) for _ in range(placement.workers)]
        tuned.after(*(place(each, training=True, pure=False) for each in beside))
    place(tuned, training=True)
    trained = place(
        train(training_set=training_set, study=tuned.outputs["study"], weights=weights, run=run, code=code, commit=commit),
        training=True,
    )
    candidates = trained.outputs["candidates"]
    evaluated = place(evaluate(candidates=candidates, dataset=dataset, run=run, code=code), cpus=2, memory="8Gi")
    report = evaluated.outputs["report"]
    registered = place(register(candidates=candidates, dataset=dataset, report=report, run=run, code=code))
    version = registered.output
    packaged = place(package(candidates=candidates, name=model, version=version, code=code))
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
        cpus=2,
        memory="4Gi",
    )
    gate = place(
        promote(dataset=dataset, name=model, version=version, policy=policy, run=run, actor=actor, apply=apply, code=code).after(checked),
        pure=False,
    )
    watched = place(
        monitor(predictions=checked.outputs["predictions"], candidates=candidates, run=run, code=code, alpha=FALSE_ALARM_RATE).after(gate),
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


def training_pipeline(placement: Placement) -> dsl.base_component.BaseComponent:
    """Return the pipeline for a placement, ready to run on this machine or to stand in another pipeline."""

    @dsl.pipeline(name=NAME, description=DESCRIPTION)
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
        workers: int = 1,
        choices: str = "",
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
            workers: processes that share the study.
            choices: JSON of what recipe `auto` chose and why; "" for a named recipe.
        """
        return training_steps(
            placement,
            source=source,
            source_version=source_version,
            recipe=recipe,
            ingest_recipe=ingest_recipe,
            augment_recipe=augment_recipe,
            weights=weights,
            model=model,
            policy=policy,
            run=run,
            code=code,
            commit=commit,
            actor=actor,
            apply=apply,
            allow_leakage=allow_leakage,
            workers=workers,
            choices=choices,
        )

    return pipeline
