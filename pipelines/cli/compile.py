"""`lobule compile`: the pipeline as Kubeflow Pipelines reads it."""

from pathlib import Path

import click

from components.domain.errors import InputError


@click.command("compile")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("pipeline.yaml"), show_default=True)
@click.option("--recipe", metavar="NAME", default="quickstart", show_default=True, help="Default of the pipeline's recipe parameter.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change a setting of the recipe. Repeatable.")
@click.option("--gpus", type=click.IntRange(0), default=1, show_default=True, help="Accelerators of the tune and train tasks.")
@click.option("--accelerator", default="nvidia.com/gpu", show_default=True, help="Resource key of an accelerator.")
@click.option("--retries", type=click.IntRange(0), default=2, show_default=True, help="How often a failed task is tried again.")
@click.option("--cache/--no-cache", default=True, show_default=True, help="Reuse outputs of tasks with equal inputs and code.")
def command(output: Path, recipe: str, settings: tuple[str, ...], gpus: int, accelerator: str, retries: int, cache: bool) -> None:
    """Write the training pipeline as IR YAML, with images, resources, retries and caching on each task.

    \b
    Example:
      lobule compile --recipe ultrasound-mobilenetv2 -o pipeline.yaml
    """
    from pipelines.cli.options import load_recipe
    from pipelines.compile import compile_pipeline
    from pipelines.training import Placement

    chosen = load_recipe(recipe, settings)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        compile_pipeline(output, chosen, Placement(retries=retries, gpus=gpus, accelerator=accelerator, caching=cache))
    except OSError as error:
        raise InputError(f"-o must name a file that can be written, but {output} cannot ({error.strerror}); name another") from None
    click.echo(
        f"{output}: recipe {chosen.name}, {gpus} x {accelerator} for tune and train, {retries} retries, caching {'on' if cache else 'off'}"
    )
