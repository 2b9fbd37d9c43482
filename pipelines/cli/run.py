"""`lobule run`: the whole training pipeline on this machine."""

import logging

import click


@click.command("run")
@click.option(
    "--recipe",
    metavar="NAME",
    help="Preset to train (`lobule recipes`), or recipe.json of a run. Default for --data: auto, chosen by rules that it states.",
)
@click.option(
    "--data",
    "source",
    metavar="SOURCE",
    help="Images: a folder, .zip, .tar.*, table (.csv, .parquet), s3://bucket/prefix, kaggle:NAME or sample:KIND.",
)
@click.option("--weights", metavar="W", help="First weights of the backbone: imagenet, none, a file or s3://bucket/key.")
@click.option("--trials", type=click.IntRange(1), help="Trials of the study.")
@click.option("--seeds", type=click.IntRange(1), help="Final models, each from its own seed.")
@click.option("--workers", type=click.IntRange(1), help="Processes that share the study; each takes its share of the cores.  [default: 1]")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change a setting of the recipe, e.g. epochs=20. Repeatable.")
@click.option("--on", type=click.Choice(["process", "docker"]), help="What each step runs in [default: process]. See `make images`.")
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
    workers: int | None,
    settings: tuple[str, ...],
    on: str | None,
    resume: str | None,
    no_cache: bool,
    promote: bool,
    allow_leakage: bool,
) -> int:
    """Ingest, augment, tune, train, evaluate, register, gate, package and check a model, on this machine.

    Without arguments: the quickstart recipe on a procedural sample data set, in minutes. With --data alone: what the rules of recipe
    auto choose for data, weights and machine; it says why, line by line (`lobule recipes auto` shows the rules).

    \b
    Examples:
      lobule run --promote
      lobule run --data ~/BUSI
      lobule run --data ~/BUSI --weights imagenet --trials 20 --seeds 3 --set backbone=densenet121
      lobule run --data ~/slides --recipe quickstart --set image_size=96 --set epochs=30
      lobule run --data ~/BUSI --recipe ultrasound-densenet121:roi:as_published --weights imagenet
      lobule run --data ~/BUSI --allow-leakage --set test=0.3   (a published protocol, to see what leaking is worth)
      lobule run --resume quickstart-20260102-030405-a1b2

    \b
    Exit codes: 0 done; 2 bad input; 3 refused (leaking data, or the gate under --promote); 130 interrupted, resumable.
    """
    from pipelines.cli.output import Progress
    from pipelines.cli.summary import print_summary
    from pipelines.starting import new_run, require_fresh, resumed_run
    from pipelines.steps import STEPS
    from pipelines.supervise import supervise

    for name in ("components", "pipelines"):
        logging.getLogger(name).setLevel(logging.INFO)
    if resume is not None:
        require_fresh(
            recipe=recipe, data=source, weights=weights, trials=trials, seeds=seeds, set=settings, on=on, allow_leakage=allow_leakage
        )
        spec = resumed_run(resume, caching=not no_cache, promote=promote, workers=workers)
    else:
        spec = new_run(
            recipe,
            source,
            weights=weights,
            trials=trials,
            seeds=seeds,
            settings=settings,
            caching=not no_cache,
            promote=promote,
            allow_leakage=allow_leakage,
            workers=workers or 1,
            on=on or "process",
        )
    click.echo(f"run {spec.name}  (log: {spec.log})", err=True)
    outcome = supervise(spec, Progress(STEPS))
    if outcome.exit_code:
        click.echo(f"lobule: {outcome.reason}", err=True)
        return outcome.exit_code
    outcome_of_gate = print_summary(spec)
    return 3 if spec.arguments["apply"] and outcome_of_gate != "promote" else 0
