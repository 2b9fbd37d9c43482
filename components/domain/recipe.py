"""A recipe: everything that decides a training run except the data and the weights. Typed, frozen, hashed.

Presets stand in `components/domain/presets`, one module each. `Recipe.override` is the only way to change one from outside;
it refuses an unknown key, so a misspelt setting never trains something else silently.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from components.domain.augmentation import Augmentation
from components.domain.errors import InputError
from components.domain.recipe_rules import check
from components.domain.search_space import USUAL, SearchSpace, check_choices

Task = Literal["histology", "ultrasound", "cells"]
Backbone = Literal["convnet", "flatcnn", "mobilenetv2", "efficientnetb0", "densenet121", "densenet201", "inceptionv3"]
FROM_SCRATCH: tuple[Backbone, ...] = ("convnet", "flatcnn")
"""Backbones of which nobody published weights."""
Fit = Literal["stretch", "crop"]
Roi = Literal["none", "mask"]
Precision = Literal["auto", "f32"]
TrainingPrecision = Literal["auto", "f32", "bf16"]
FlipsAtTest = Literal["off", "auto"]
Head = Literal["linear", "normalized", "hidden", "single"]
Optimizer = Literal["adamw", "adam", "rmsprop"]
Schedule = Literal["cosine", "constant", "plateau"]
FLIPS = Augmentation()
"""The default policy: horizontal flips."""
COPIES = Augmentation(flips="horizontal", rotation=70.0, crop=0.2)
"""How published work on BUSI balances its classes: rotation up to 70 degrees, horizontal flip, crop."""


@dataclass(frozen=True)
class Recipe:
    """One way to train a classifier.

    Attributes:
        name: preset that it comes from.
        task: what is pictured; names the registered model, `lobule-<task>`.
        backbone: `convnet` is a small network trained from scratch, `flatcnn` the flattened one of a published system; the others can
            start from weights.
        head: what stands on the pooled features: `linear` (dropout, dense), `normalized` (dropout, batch normalisation, dense), `hidden`
            (batch normalisation, dropout, dense 256, dropout 0.3, dense) or `single` (dropout, one output for the second of two classes).
        image_size: side of the square that the graph takes, in pixels.
        downscale: the network averages squares of so many pixels a side before it looks; the graph still takes `image_size`.
        fit: how an image of another shape gets there (`serving.contract.ImageSpec`).
        roi: `mask` cuts every image, those of the test split too, down to its lesion mask. An oracle: no user has a mask at prediction
            time, so run, model and report are marked and the model is never champion.
        roi_margin: added around the mask on every side, as a share of its longer side.
        epochs: epochs with a frozen backbone; all epochs where there is none to freeze. 0 starts with the second phase.
        fine_tune_epochs: epochs with the last layers of the backbone trainable.
        fine_tune_layers: how many layers at its end are.
        fine_tune_views: augmented copies of each training image whose features at the last frozen layer the second phase learns from, so
            that no epoch passes the frozen layers again; 0 passes every image through the whole network, changed anew.
        fine_tune_stages: the second phase goes in so many stages, each with more of those layers trainable.
        fine_tune_norm: their batch normalisation learns too, as where nothing was frozen. Its statistics drift in small batches.
        optimizer: of both phases; `weight_decay` is decoupled in each.
        schedule: of the learning rate: `cosine` down to 5 %, `constant`, or `plateau` (`components.learning.schedule`).
        learning_rate, dropout, weight_decay: defaults; the study's best trial replaces them.
        fine_tune_learning_rate: of the second phase.
        ema: momentum of a moving average of the weights over steps, which is what is validated and kept; 0 averages nothing.
        swa: share of each phase's epochs, its last, after which the mean of the weights that each of them ended with is validated and kept
            where it is the best (stochastic weight averaging); 0 averages nothing. Early stopping may end a phase before them.
        training_precision: of multiplications in training (`components.learning.devices`).
        views: augmented copies of each training image whose embeddings the frozen phase learns from; 0 keeps none and passes every
            image through the backbone in every epoch, changed anew.
        patience: epochs without a better validation AUC after which a phase stops; 0 never stops early.
        trials, trial_epochs: size of the study; without trials the recipe is trained as it stands.
        seeds: how many final models are trained.
        ensemble: their average is a further model, which may be chosen: one bundle that costs as much as all of them.
        flips_at_test: `auto` averages each image with its mirror image in the served graph, at twice the cost, where that is better on
            the validation split (`components.train.mirrored`).
        validation, test: shares of the images, by group.
        folds, fold: with folds = k > 0, the test split is fold number `fold` of k, from 0; k runs cross-validate.
        given_split: keep a split that the source comes with (`train/`, `val/`, `test/`), where it does.
        leaks: split by image, as published protocols do. Look-alikes and images of one patient then lie on both sides; run, model and
            report are marked and the model is never champion.
        balance: weigh classes by their inverse frequency in the loss.
        balance_to: images of each class in the train split, reached by changed copies: a count, `max` for that of the largest class,
            or 0 for no copies. No image is taken away.
        copies: what the changed copies look like; drawn once, before training.
        target_sensitivity: that the operating point aims at on the validation split.
        save_h5: keep the Keras model as `.h5` too; `.keras` always lies beside the bundle.
        precision: of inference; `auto` takes bf16 where it answers the validation images as f32 does (`components.train.precision`).
    """

    name: str
    task: Task
    backbone: Backbone
    positive: tuple[str, ...] = ("malignant", "1", "M")
    head: Head = "linear"
    image_size: int = 224
    downscale: int = 1
    fit: Fit = "stretch"
    roi: Roi = "none"
    roi_margin: float = 0.2
    batch_size: int = 32
    epochs: int = 20
    fine_tune_epochs: int = 0
    fine_tune_layers: int = 0
    fine_tune_views: int = 0
    fine_tune_stages: int = 1
    fine_tune_norm: bool = False
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "cosine"
    learning_rate: float = 1e-3
    fine_tune_learning_rate: float = 1e-4
    dropout: float = 0.3
    weight_decay: float = 1e-5
    label_smoothing: float = 0.0
    ema: float = 0.0
    swa: float = 0.0
    training_precision: TrainingPrecision = "auto"
    views: int = 4
    patience: int = 6
    trials: int = 6
    trial_epochs: int = 10
    seeds: int = 2
    ensemble: bool = False
    flips_at_test: FlipsAtTest = "off"
    split_seed: int = 0
    validation: float = 0.15
    test: float = 0.2
    folds: int = 0
    fold: int = 0
    given_split: bool = True
    leaks: bool = False
    balance: bool = True
    target_sensitivity: float = 0.95
    precision: Precision = "auto"
    save_h5: bool = False
    balance_to: str = "0"
    augmentation: Augmentation = FLIPS
    copies: Augmentation = COPIES
    search: SearchSpace = USUAL

    def __post_init__(self) -> None:
        check_choices(self)
        check(self)

    @property
    def oracle(self) -> bool:
        """True if training and test use what nobody has at prediction time."""
        return self.roi != "none"

    @property
    def model_name(self) -> str:
        """Name under which its models are registered."""
        return f"lobule-{self.task}"

    @property
    def usual_weights(self) -> str:
        """What its backbone starts from when nothing is named."""
        return "none" if self.backbone in FROM_SCRATCH else "imagenet"

    def flat(self) -> dict[str, str | int | float | bool]:
        """Return every setting under its dotted key, as MLflow and `--set` name them."""
        result: dict[str, str | int | float | bool] = {}
        for key, value in dataclasses.asdict(self).items():
            if isinstance(value, dict):
                result |= {
                    f"{key}.{part}": " ".join(map(str, inner)) if isinstance(inner, tuple) else inner for part, inner in value.items()
                }
            else:
                result[key] = " ".join(value) if isinstance(value, tuple) else value
        return result

    def to_json(self) -> str:
        """Return the recipe as one line of JSON with sorted keys; the input of `digest`."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """Identity of the recipe: `sha256:<hex>` of its JSON."""
        return "sha256:" + hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Read what `to_json` wrote.

        Raises:
            InputError: for an unknown key or a value out of range.
        """
        values = json.loads(text)
        name = values.get("name", "")
        base = cls(name=name, task=values["task"], backbone=values["backbone"])
        nested = {key: json.dumps(value) if not isinstance(value, str) else value for key, value in _flatten(values).items()}
        return base.override(nested)

    def override(self, settings: dict[str, str]) -> "Recipe":
        """Return a copy with settings replaced, each `key` or `part.key` given as text (JSON or a bare word).

        Raises:
            InputError: for an unknown key, a value of the wrong type or out of range.
        """
        parts: dict[str, dict[str, str]] = {}
        changes: dict[str, Any] = {}
        for key, text in settings.items():
            head, _, tail = key.partition(".")
            if tail and head in ("augmentation", "copies", "search"):
                parts.setdefault(head, {})[tail] = text
            else:
                changes[key] = _parse(self, key, key, text)
        for head, inner in parts.items():
            part = getattr(self, head)
            changes[head] = dataclasses.replace(part, **{tail: _parse(part, tail, f"{head}.{tail}", text) for tail, text in inner.items()})
        return dataclasses.replace(self, **changes)


def read_recipe(file: Path) -> Recipe:
    """Read a recipe from a file, as a run keeps it.

    Raises:
        InputError: if the file holds none.
    """
    try:
        return Recipe.from_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"a recipe's file must be one that a run kept, but {file} is not ({type(error).__name__}); name another") from None


def _flatten(values: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= {f"{key}.{part}": inner for part, inner in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def _settings(owner: Recipe | Augmentation | SearchSpace, part: str) -> list[str]:
    """Return the keys that a user may set, dotted; of one part where the key that was not found names it."""
    if isinstance(owner, Recipe):
        return sorted(set(owner.flat()) - {"name", "task"})
    return sorted(f"{part}.{field.name}" for field in dataclasses.fields(owner))


def _parse(owner: Recipe | Augmentation | SearchSpace, name: str, key: str, text: str) -> Any:  # noqa: ANN401 - a setting's type is that of its field
    known = {field.name: getattr(owner, field.name) for field in dataclasses.fields(owner)}
    if name not in known or dataclasses.is_dataclass(known[name]):
        raise InputError(f"a recipe has no setting {key!r}; choose one of {', '.join(_settings(owner, key.rpartition('.')[0]))}")
    current = known[name]
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if isinstance(current, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(current, str) and not isinstance(value, str):
        value = text
    if type(value) is not type(current):
        raise InputError(f"{key} must be of type {type(current).__name__}, but got {text!r}; write it like {json.dumps(current)}")
    return value
