"""`lobule compile`: the pipelines as Kubeflow Pipelines reads them."""

from pathlib import Path

import click

from components.domain.errors import InputError


@click.command("compile")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("pipeline.yaml"), show_default=True)
@click.option(
    "--pipeline", "which", type=click.Choice(["training", "monitoring"]), default="training", show_default=True, help="Which one to write."
)
@click.option("--recipe", metavar="NAME", default="quickstart", show_default=True, help="Default of the pipeline's recipe parameter.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change a setting of the recipe. Repeatable.")
@click.option("--gpus", type=click.IntRange(0), default=1, show_default=True, help="Accelerators of the tune and train tasks.")
@click.option("--accelerator", default="nvidia.com/gpu", show_default=True, help="Resource key of an accelerator.")
@click.option("--retries", type=click.IntRange(0), default=2, show_default=True, help="How often a failed task is tried again.")
@click.option("--cache/--no-cache", default=True, show_default=True, help="Reuse outputs of tasks with equal inputs and code.")
@click.option("--model", metavar="NAME", help="monitoring: registered model to watch. Default: that of the recipe.")
@click.option("--data", "source", metavar="SOURCE", default="", help="monitoring: labelled images to retrain on; without, it never trains.")
@click.option("--window", metavar="LENGTH", default="7d", show_default=True, help="monitoring: how far back a window reaches.")
@click.option("--cool-down", metavar="LENGTH", default="7d", show_default=True, help="monitoring: least time between two retrainings.")
@click.option("--log-claim", metavar="CLAIM[/FOLDER]", default="", help="monitoring: volume claim with the prediction log.")
@click.option("--promote/--no-promote", default=False, show_default=True, help="monitoring: move @champion where the gate says promote.")
def command(
    output: Path,
    which: str,
    recipe: str,
    settings: tuple[str, ...],
    gpus: int,
    accelerator: str,
    retries: int,
    cache: bool,
    model: str | None,
    source: str,
    window: str,
    cool_down: str,
    log_claim: str,
    promote: bool,
) -> None:
    """Write a pipeline as IR YAML, with images, resources, retries and caching on each task.

    The monitoring pipeline is for a schedule: it judges a window of the prediction log and, on an alarm, trains a challenger with the
    champion's recipe and asks the gate; at most once in a cool-down, whoever asks.

    \b
    Examples:
      lobule compile --recipe ultrasound-mobilenetv2 -o pipeline.yaml
      lobule compile --pipeline monitoring --model lobule-ultrasound --data s3://clinic/labelled --log-claim lobule-log -o monitoring.yaml
    """
    from pipelines.cli.options import load_recipe
    from pipelines.compile import compile_monitoring, compile_pipeline
    from pipelines.durations import duration
    from pipelines.monitoring import Log
    from pipelines.placement import Placement

    chosen, placement = load_recipe(recipe, settings), Placement(retries=retries, gpus=gpus, accelerator=accelerator, caching=cache)
    claim, _, folder = log_claim.partition("/")
    parameters: dict[str, str | float | bool] = {
        "model": model or chosen.model_name,
        "source": source,
        "window_hours": duration("--window", window).total_seconds() / 3600,
        "cool_down_hours": duration("--cool-down", cool_down, least=0).total_seconds() / 3600,
        "apply": promote,
    }
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if which == "monitoring":
            compile_monitoring(output, placement, parameters=parameters, log=Log(claim, folder))
        else:
            compile_pipeline(output, chosen, placement)
    except OSError as error:
        raise InputError(f"-o must name a file that can be written, but {output} cannot ({error.strerror}); name another") from None
    if which == "monitoring":
        trains = f"retrains on {source}" if source else "never trains (no --data)"
        click.echo(f"{output}: watches {parameters['model']} in windows of {window}, {trains}, at most once in {cool_down}")
        return
    click.echo(
        f"{output}: recipe {chosen.name}, {gpus} x {accelerator} for tune and train, {retries} retries, caching {'on' if cache else 'off'}"
    )
