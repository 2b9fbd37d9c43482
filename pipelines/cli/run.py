"""`lobule run`: the whole training pipeline on this machine."""

import logging
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipelines.runspec import RunSpec


@click.command("run")
@click.option("--recipe", metavar="NAME", help="Preset to train (`lobule recipes`); without it, chosen from the layout of the data.")
@click.option(
    "--data",
    "source",
    metavar="SOURCE",
    help="Images: a folder, .zip, .tar.*, table (.csv, .parquet), s3://bucket/prefix, kaggle:NAME or sample:KIND.",
)
@click.option("--weights", metavar="W", help="First weights of the backbone: imagenet, none, a file or s3://bucket/key.")
@click.option("--trials", type=click.IntRange(1), help="Trials of the study.")
@click.option("--seeds", type=click.IntRange(1), help="Final models, each from its own seed.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change a setting of the recipe, e.g. epochs=20. Repeatable.")
@click.option("--resume", metavar="RUN", help="Continue an interrupted run; finished steps and trials are kept.")
@click.option("--no-cache", is_flag=True, help="Do every step again, even where nothing changed.")
@click.option("--promote/--no-promote", default=False, show_default=True, help="Make the model champion if the gate says so.")
@click.option(
    "--allow-leakage", is_flag=True, help="Split by image, as published protocols do; such a model is marked and never becomes champion."
)
def command(
    recipe: str | None,
    source: str | None,
    weights: str | None,
    trials: int | None,
    seeds: int | None,
    settings: tuple[str, ...],
    resume: str | None,
    no_cache: bool,
    promote: bool,
    allow_leakage: bool,
) -> int:
    """Ingest, augment, tune, train, evaluate, register, gate, package and check a model, on this machine.

    Without arguments: the quickstart recipe on a procedural sample data set, in minutes.

    \b
    Examples:
      lobule run --promote
      lobule run --data ~/BUSI --weights imagenet --trials 20 --seeds 3
      lobule run --data ~/slides --recipe quickstart --set image_size=96 --set epochs=30
      lobule run --data ~/BUSI --allow-leakage --set test=0.3   (a published protocol, to see what leaking is worth)
      lobule run --resume quickstart-20260102-030405-a1b2

    \b
    Exit codes: 0 done; 2 bad input; 3 refused (leaking data, or the gate under --promote); 130 interrupted, resumable.
    """
    from pipelines.cli.output import Progress
    from pipelines.cli.summary import print_summary
    from pipelines.runspec import RunSpec
    from pipelines.steps import STEPS
    from pipelines.supervise import supervise

    logging.getLogger("components").setLevel(logging.INFO)
    if resume is not None:
        if any(value for value in (recipe, source, weights, trials, seeds, settings, allow_leakage)):
            raise click.UsageError(
                "--resume continues a run as it was started; leave out --recipe, --data, --weights, --trials, --seeds, --set and "
                "--allow-leakage"
            )
        spec = RunSpec.read(resume)
    else:
        spec = _new_spec(
            recipe,
            source,
            weights=weights,
            trials=trials,
            seeds=seeds,
            settings=settings,
            caching=not no_cache,
            promote=promote,
            allow_leakage=allow_leakage,
        )
    click.echo(f"run {spec.name}  (log: {spec.log})", err=True)
    outcome = supervise(spec, Progress(STEPS))
    if outcome.exit_code:
        click.echo(f"lobule: {outcome.reason}", err=True)
        return outcome.exit_code
    outcome_of_gate = print_summary(spec)
    return 3 if spec.arguments["apply"] and outcome_of_gate != "promote" else 0


def _new_spec(
    recipe: str | None,
    source: str | None,
    *,
    weights: str | None,
    trials: int | None,
    seeds: int | None,
    settings: tuple[str, ...],
    caching: bool,
    promote: bool,
    allow_leakage: bool,
) -> "RunSpec":
    from components.domain.settings import home
    from components.ingest.layouts import list_images
    from components.ingest.source import lasting, open_source, source_version
    from components.learning.weights import resolve
    from components.promote.policy import Policy, policy_text
    from pipelines.choose import choose_recipe, default_weights
    from pipelines.cli.options import load_recipe
    from pipelines.runspec import RunSpec, new_name
    from pipelines.version import code_digest, git_commit

    source = source or "sample:histology"
    if recipe is not None:
        load_recipe(recipe, settings, trials=trials, seeds=seeds)
    root = open_source(source, cache=home() / "cache")
    if recipe is None:
        recipe, reason = choose_recipe(list_images(root).layout, weights)
        click.echo(f"recipe {recipe}: {reason}", err=True)
    chosen = load_recipe(recipe, settings, trials=trials, seeds=seeds)
    weights = weights or default_weights(chosen)
    resolve(weights, cache=home())
    name = new_name(chosen.name)
    return RunSpec(
        name=name,
        arguments={
            "source": lasting(source),
            "source_version": source_version(root),
            "recipe": chosen.to_json(),
            "weights": weights,
            "model": chosen.model_name,
            "policy": Policy.from_toml(policy_text()).to_json(),
            "run": name,
            "code": code_digest(),
            "commit": git_commit(),
            "apply": promote,
            "allow_leakage": allow_leakage,
        },
        caching=caching,
    )
