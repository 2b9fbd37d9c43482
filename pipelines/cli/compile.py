"""`lobule compile`: the pipelines as Kubeflow Pipelines reads them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.domain.errors import InputError
from pipelines.cli.cluster_options import cluster_options

if TYPE_CHECKING:
    from pipelines.cli.cluster_options import Asked, Wanted


@click.command("compile")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("pipeline.yaml"), show_default=True)
@cluster_options
def command(output: Path, wanted: "Wanted", asked: "Asked") -> None:
    """Write a pipeline as IR YAML, with images, resources, addresses, secrets, retries and caching on each task.

    What is given becomes the pipeline's defaults; `lobule submit` takes the same options and runs it. The monitoring pipeline is for a
    schedule: it judges a window of the prediction log and, on an alarm, trains a challenger with the champion's recipe and asks the gate;
    at most once in a cool-down, whoever asks.

    \b
    Examples:
      lobule compile --recipe ultrasound-mobilenetv2 --mlflow http://mlflow:5000 -o pipeline.yaml
      lobule compile --gpus 2 --node-selector pool=gpu --toleration nvidia.com/gpu:NoSchedule --secret lobule
      lobule compile --pipeline monitoring --model lobule-ultrasound --data s3://clinic/labelled --log-claim lobule-log -o monitoring.yaml
    """
    order = wanted.order()
    placement = asked.placement(order.recipe)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        order.write(output, placement, defaults=True)
    except OSError as error:
        raise InputError(f"-o must name a file that can be written, but {output} cannot ({error.strerror}); name another") from None
    caching = "on" if placement.caching else "off"
    said = f"{placement.gpus} x {placement.accelerator} for tune and train, {placement.retries} retries, caching {caching}"
    click.echo(f"{output}: {order.said}; {said}")
