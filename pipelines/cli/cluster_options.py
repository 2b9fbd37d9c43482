"""What `compile` and `submit` ask alike: which pipeline, and what its tasks have on a cluster."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from components.domain.errors import InputError, require

if TYPE_CHECKING:
    from components.domain.recipe import Recipe
    from pipelines.cluster_order import Order
    from pipelines.placement import Placement, Secret, Toleration

Command = Callable[..., Any]
HOSTS = "MLflow server, as pods reach it; `kfp` where Kubeflow Pipelines' own MLflow integration names it. Default: MLFLOW_TRACKING_URI."


@dataclass(frozen=True)
class Wanted:
    """Which pipeline; the options of `OF_PIPELINE`."""

    which: str
    recipe: str
    settings: tuple[str, ...]
    trials: int | None
    seeds: int | None
    weights: str | None
    source: str
    promote: bool
    allow_leakage: bool
    model: str | None
    window: str
    cool_down: str
    log_claim: str

    def order(self) -> "Order":
        """Return what is to run, checked as far as this machine can.

        Raises:
            InputError: if an option is unfit.
        """
        from pipelines.cli.options import load_recipe
        from pipelines.cluster_order import monitoring_order, training_order
        from pipelines.durations import duration
        from pipelines.monitoring import Log

        recipe = load_recipe(self.recipe, self.settings, trials=self.trials, seeds=self.seeds)
        if self.which == "training":
            return training_order(recipe, source=self.source, weights=self.weights, promote=self.promote, allow_leakage=self.allow_leakage)
        claim, _, folder = self.log_claim.partition("/")
        return monitoring_order(
            recipe,
            model=self.model or recipe.model_name,
            source=self.source,
            window_hours=duration("--window", self.window).total_seconds() / 3600,
            cool_down_hours=duration("--cool-down", self.cool_down, least=0).total_seconds() / 3600,
            promote=self.promote,
            log=Log(claim, folder),
        )


@dataclass(frozen=True)
class Asked:
    """What tasks have; the options of `OF_TASKS`."""

    gpus: int | None
    accelerator: str
    workers: int
    cpus: int
    memory: str | None
    node_selector: tuple[str, ...]
    toleration: tuple[str, ...]
    retries: int
    timeout: str
    cache: bool
    mlflow: str | None
    env: tuple[str, ...]
    secret: tuple[str, ...]
    volume: str
    image: str
    gpu_image: str
    pull_policy: str
    pull_secret: tuple[str, ...]
    label: tuple[str, ...]

    def placement(self, recipe: "Recipe") -> "Placement":
        """Return where the tasks of a recipe run.

        Raises:
            InputError: if an option is unfit, or a secret would stand in the compiled pipeline.
        """
        from components.domain.recipe import FROM_SCRATCH
        from pipelines.cluster_environment import task_environment
        from pipelines.durations import duration
        from pipelines.placement import Placement, Pod, memory_of

        secrets = tuple(map(_secret, self.secret))
        claim, _, folder = self.volume.partition("/")
        return Placement(
            retries=self.retries,
            gpus=(0 if recipe.backbone in FROM_SCRATCH else 1) if self.gpus is None else self.gpus,
            accelerator=self.accelerator,
            caching=self.cache,
            workers=self.workers,
            cpus=self.cpus,
            memory=self.memory or memory_of(recipe),
            pod=Pod(
                image=self.image,
                gpu_image=self.gpu_image,
                environment=task_environment(_pairs("--env", self.env), secrets=secrets, mlflow=self.mlflow, workers=self.workers),
                secrets=secrets,
                node_selector=_pairs("--node-selector", self.node_selector),
                tolerations=tuple(map(_toleration, self.toleration)),
                volume=claim,
                folder=folder,
                pull_policy=self.pull_policy,
                pull_secrets=self.pull_secret,
                labels=_pairs("--label", self.label),
                timeout=int(duration("--timeout", self.timeout, least=0).total_seconds()),
            ),
        )


OF_PIPELINE = (
    click.option("--pipeline", "which", type=click.Choice(["training", "monitoring"]), default="training", show_default=True),
    click.option(
        "--recipe",
        metavar="NAME",
        default="quickstart",
        show_default=True,
        help="Preset to train (`lobule recipes`), or recipe.json of a run.",
    ),
    click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change a setting of the recipe. Repeatable."),
    click.option("--trials", type=click.IntRange(1), help="Trials of the study."),
    click.option("--seeds", type=click.IntRange(1), help="Final models, each from its own seed."),
    click.option("--weights", metavar="W", help="First weights: imagenet, none or s3://bucket/key."),
    click.option(
        "--data",
        "source",
        metavar="SOURCE",
        default="",
        help="Images: s3://bucket/prefix, kaggle:NAME, sample:KIND, or a path on --volume. monitoring: to retrain on; without, never.",
    ),
    click.option("--promote/--no-promote", default=False, show_default=True, help="Make the model champion if the gate says so."),
    click.option("--allow-leakage", is_flag=True, help="Split by image, as published protocols do; marked, and never champion."),
    click.option("--model", metavar="NAME", help="monitoring: registered model to watch. Default: that of the recipe."),
    click.option("--window", metavar="LENGTH", default="7d", show_default=True, help="monitoring: how far back a window reaches."),
    click.option("--cool-down", metavar="LENGTH", default="7d", show_default=True, help="monitoring: least time between two retrainings."),
    click.option("--log-claim", metavar="CLAIM[/FOLDER]", default="", help="monitoring: volume claim with the prediction log."),
)
OF_TASKS = (
    click.option("--gpus", type=click.IntRange(0), help="Accelerators of each training task. Default: 1, or 0 for networks from scratch."),
    click.option("--accelerator", metavar="KEY", default="nvidia.com/gpu", show_default=True, help="Resource key of an accelerator."),
    click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Tasks that search one study together."),
    click.option("--cpus", type=click.IntRange(1), default=4, show_default=True, help="CPUs of each training task."),
    click.option("--memory", metavar="SIZE", help="Memory of each training task, as 16Gi. Default: by the recipe."),
    click.option("--node-selector", metavar="KEY=VALUE", multiple=True, help="Nodes of the training tasks. Repeatable."),
    click.option("--toleration", metavar="KEY[=VALUE][:EFFECT]", multiple=True, help="Taint that training tasks put up with. Repeatable."),
    click.option("--retries", type=click.IntRange(0), default=2, show_default=True, help="How often a failed task is tried again."),
    click.option("--timeout", metavar="LENGTH", default="1d", show_default=True, help="Longest time of one try of a task; 0m for none."),
    click.option("--cache/--no-cache", default=True, show_default=True, help="Reuse outputs of tasks with equal inputs and code."),
    click.option("--mlflow", metavar="URL", help=HOSTS),
    click.option("--env", metavar="NAME=VALUE", multiple=True, help="Variable of all tasks, such as AWS_ENDPOINT_URL_S3. Repeatable."),
    click.option(
        "--secret",
        metavar="NAME[:KEY[=VARIABLE],...]",
        multiple=True,
        help="Kubernetes secret whose keys become variables; without keys, all that Lobule knows, as AWS_ACCESS_KEY_ID. Repeatable.",
    ),
    click.option(
        "--volume", metavar="CLAIM[/FOLDER]", default="", help="Volume claim as the home of all tasks: caches, splits, checkpoints."
    ),
    click.option(
        "--image", metavar="IMAGE", default="", help="Of all tasks. Default: lobule-train of this version, after LOBULE_IMAGE_PREFIX."
    ),
    click.option(
        "--gpu-image", metavar="IMAGE", default="", help="Of the tasks with accelerators. Default: --image, or lobule-train with -cuda."
    ),
    click.option("--pull-policy", type=click.Choice(["Always", "IfNotPresent", "Never"]), default="IfNotPresent", show_default=True),
    click.option("--pull-secret", metavar="NAME", multiple=True, help="Secret that may bring the image. Repeatable."),
    click.option("--label", metavar="KEY=VALUE", multiple=True, help="Label of all pods. Repeatable."),
)


def cluster_options(command: Command) -> Command:
    """Add both groups of options; the command gets them as `wanted` and `asked`."""

    @functools.wraps(command)
    def gathered(**given: Any) -> Any:  # noqa: ANN401 - whatever click was told to parse
        wanted = Wanted(**{each.name: given.pop(each.name) for each in fields(Wanted)})
        asked = Asked(**{each.name: given.pop(each.name) for each in fields(Asked)})
        return command(wanted=wanted, asked=asked, **given)

    for option in reversed((*OF_PIPELINE, *OF_TASKS)):
        gathered = option(gathered)
    return gathered


def _pairs(option: str, texts: tuple[str, ...]) -> dict[str, str]:
    """Return NAME=VALUE texts by name."""
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        require(bool(separator and name), f"{option} must be NAME=VALUE", text, "write for example pool=gpu")
        pairs[name] = value
    return pairs


def _secret(text: str) -> "Secret":
    from pipelines.placement import SECRET_KEYS, Secret

    name, separator, listed = text.partition(":")
    if not name or (separator and not listed):
        raise InputError(
            f"--secret must be NAME or NAME:KEY[=VARIABLE],..., but got {text!r}; write for example lobule:user=AWS_ACCESS_KEY_ID"
        )
    if not listed:
        return Secret(name, {key: key for key in SECRET_KEYS}, optional=True)
    keys = (each.partition("=") for each in listed.split(","))
    return Secret(name, {key: variable or key for key, _, variable in keys})


def _toleration(text: str) -> "Toleration":
    from pipelines.placement import Toleration

    taint, _, effect = text.partition(":")
    key, _, value = taint.partition("=")
    return Toleration(key, value, effect)
