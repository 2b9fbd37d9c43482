"""What is to run on a cluster: a pipeline with its arguments, checked before anything is sent.

A pod does not see the files of the machine that submits, and KFP's client does not look at what it is given: both are refused here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from components.domain.errors import InputError
from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_json
from components.domain.settings import actor
from components.ingest.kaggle_dataset import SCHEME as KAGGLE
from components.ingest.kaggle_dataset import dataset_of
from components.ingest.source import SAMPLES
from components.storage.bucket import SCHEME as S3
from components.storage.bucket import Address
from pipelines.choose import first_weights
from pipelines.compile import compile_monitoring, compile_pipeline, known_parameters
from pipelines.monitoring import NAME as MONITORING
from pipelines.monitoring import Log
from pipelines.placement import HOME, Placement
from pipelines.runspec import new_name
from pipelines.training import NAME as TRAINING

Values = Mapping[str, str | float | bool]
_TYPES: dict[str, tuple[type, ...]] = {"STRING": (str,), "BOOLEAN": (bool,), "NUMBER_DOUBLE": (float, int), "NUMBER_INTEGER": (int,)}


@dataclass(frozen=True)
class Order:
    """A pipeline, and what it is to run with.

    Attributes:
        recipe: whose training it holds.
        parameters: of each run, without the run's name.
        said: what it does, in words.
        log: where the prediction log is; None for the training pipeline.
    """

    recipe: Recipe
    parameters: Values
    said: str
    log: Log | None = None

    @property
    def pipeline(self) -> str:
        """Return the name of the pipeline."""
        return TRAINING if self.log is None else MONITORING

    @property
    def kind(self) -> str:
        """Return what its runs are called after."""
        return self.recipe.name if self.log is None else f"monitor-{self.parameters['model']}"

    def write(self, file: Path, placement: Placement, *, defaults: bool) -> str:
        """Compile it and return the digest of what was written.

        Args:
            file: `.yaml` file to write.
            placement: where its tasks run.
            defaults: make the parameters the pipeline's defaults; otherwise each run is given them, and equal pipelines are one.

        Raises:
            InputError: if it reads from a volume that its tasks do not have.
        """
        for name in ("source", "weights"):
            given = str(self.parameters.get(name, ""))
            if given.startswith(f"{HOME}/") and not (placement.pod and placement.pod.volume):
                raise InputError(f"{given} must lie on a volume that all tasks share, but none is named; give --volume CLAIM")
        parameters = self.parameters if defaults else {}
        if self.log is None:
            compile_pipeline(file, self.recipe, placement, parameters=parameters)
        else:
            compile_monitoring(file, placement, parameters=parameters, log=self.log)
        return f"sha256-{hashlib.sha256(file.read_bytes()).hexdigest()[:20]}"

    def arguments(self, *, scheduled: bool) -> dict[str, str | float | bool]:
        """Return the arguments of a run; those of a schedule name themselves."""
        named = {} if self.log is not None else {"run": "" if scheduled else new_name(self.recipe.name)}
        return {**self.parameters, **named}


def training_order(recipe: Recipe, *, source: str, weights: str | None, promote: bool, allow_leakage: bool) -> Order:
    """Return the training of a recipe.

    Args:
        recipe: to train.
        source: where the images are; "" leaves it open.
        weights: first weights; None takes what the recipe usually starts from.
        promote: make the model champion if the gate says so.
        allow_leakage: split by image, marked for good.

    Raises:
        InputError: if a pod cannot see the source or the weights.
    """
    if source:
        require_source(source)
    first = first_weights(recipe, weights)
    if not first.startswith((S3, f"{HOME}/")) and first not in ("imagenet", "none"):
        raise InputError(
            f"--weights of a run on a cluster must be imagenet, none, s3://bucket/key or a path below {HOME}, but got {first}; upload them"
        )
    parts = {f"{step}_recipe": part_json(recipe, step) for step in ("ingest", "augment")}
    values = {"recipe": recipe.to_json(), **parts, "weights": first, "model": recipe.model_name, "actor": actor()}
    given = {"source": source} if source else {}
    said = f"recipe {recipe.name} on {source or 'a source that each run names'}"
    return Order(recipe, {**values, **known_parameters(), **given, "apply": promote, "allow_leakage": allow_leakage}, said)


def monitoring_order(
    recipe: Recipe, *, model: str, source: str, window_hours: float, cool_down_hours: float, promote: bool, log: Log
) -> Order:
    """Return the watching of a model; arguments as of `pipelines.monitoring`.

    Raises:
        InputError: if a pod cannot see the source.
    """
    if source:
        require_source(source)
    values: Values = {"model": model, "source": source, "window_hours": window_hours, "cool_down_hours": cool_down_hours, "apply": promote}
    trains = f"retrains on {source}" if source else "never trains (no --data)"
    said = f"watches {model} in windows of {window_hours:g} hours, {trains}, at most once in {cool_down_hours:g} hours"
    log_directory = {"log_directory": log.path}
    return Order(recipe, {**values, **known_parameters(), **log_directory, "actor": actor()}, said, log)


def require_source(source: str) -> None:
    """Check that a pod can see a source, as far as that can be told from here.

    Raises:
        InputError: if not.
    """
    kind, _, sample = source.partition(":")
    if source.startswith(S3):
        Address.of(source)
    elif source.startswith(KAGGLE):
        dataset_of(source)
    elif not (kind == "sample" and sample in SAMPLES) and not source.startswith(f"{HOME}/"):
        raise InputError(
            f"a pod does not see the files of this machine, but got --data {source}; put the images into a bucket and name "
            f"s3://bucket/prefix, or onto the volume of --volume and name their path below {HOME} (samples: {', '.join(SAMPLES)})"
        )


def check_arguments(file: Path, arguments: Values) -> None:
    """Check arguments against the inputs of a compiled pipeline: the client of KFP checks neither names nor types.

    Raises:
        InputError: if one is unknown, of another type, or missing.
    """
    document = next(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    inputs = document["root"].get("inputDefinitions", {}).get("parameters", {})
    for name, value in arguments.items():
        if name not in inputs:
            raise InputError(f"an argument must be an input of the pipeline, but got {name!r}; it takes {', '.join(sorted(inputs))}")
        expected = _TYPES[inputs[name]["parameterType"]]
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
            raise InputError(f"argument {name} must be {inputs[name]['parameterType'].lower()}, but got {value!r}; correct it")
    missing = [name for name, each in inputs.items() if name not in arguments and "defaultValue" not in each and not each.get("isOptional")]
    if missing:
        option = "--data" if missing == ["source"] else "the options of these names"
        raise InputError(f"every input of the pipeline must be given, but {', '.join(missing)} is not; add {option}")
