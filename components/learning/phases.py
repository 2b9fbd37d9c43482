"""The schedule: a head on cached embeddings of a frozen backbone, then the last layers; or the whole network from scratch."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from components.domain.artifacts import Dataset
from components.domain.recipe import FLIPS, Recipe
from components.learning import augmentation, devices, mixing
from components.learning.cut import cut
from components.learning.feature_store import features, pixels_digest
from components.learning.fit import OnEpoch, fit, predict_logits
from components.learning.network import Network
from components.learning.schedule import Phase
from components.learning.scores import Floats, Targets, balanced_weights

MOST_FEATURES = 4 * 2**30
"""Bytes of the features at a cut; beyond that the second phase passes images through the whole network."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examples:
    """What a model learns from and is watched on.

    Attributes:
        pixels: uint8 [N, S, S, 3], memory-mapped.
        train, validation: row indices.
        train_targets, validation_targets: class index of each.
        class_weights: float32 [K].
    """

    pixels: npt.NDArray[np.uint8]
    train: Targets
    train_targets: Targets
    validation: Targets
    validation_targets: Targets
    class_weights: Floats

    @classmethod
    def of(cls, dataset: Dataset, recipe: Recipe) -> "Examples":
        """Take the train and validation splits of a certified training set."""
        dataset.require_certified(("train", "validation"))
        train, validation = dataset.rows("train"), dataset.rows("validation")
        targets, classes = dataset.targets, len(dataset.classes)
        weights = balanced_weights(targets[train], classes) if recipe.balance else np.ones(classes, dtype=np.float32)
        return cls(dataset.pixels, train, targets[train], validation, targets[validation], weights)

    @cached_property
    def digests(self) -> tuple[str, str]:
        """Digests of the train and the validation pixels."""
        return pixels_digest(self.pixels, self.train), pixels_digest(self.pixels, self.validation)


@dataclass(frozen=True)
class Embeddings:
    """Pooled features of a frozen backbone: every view of the training images, view after view, and the validation images."""

    train: Floats
    validation: Floats


def needs_embeddings(network: Network, recipe: Recipe) -> bool:
    """Tell whether the first phase learns from embeddings: of a frozen backbone, where the recipe keeps views."""
    return network.pretrained and recipe.epochs > 0 and recipe.views > 0


def embed(network: Network, examples: Examples, recipe: Recipe, *, seed: int, store: Path | None = None) -> Embeddings:
    """Pass every training image `recipe.views` times (first as it is, then augmented) and every validation image once.

    An embedding has one label, so MixUp and CutMix wait for the phase that trains from pixels.

    Args:
        network: its backbone is frozen.
        examples: train and validation.
        recipe: gives the policy and the number of views.
        seed: of the views.
        store: where embeddings are kept for others (`components.learning.feature_store`); None keeps none.

    Returns:
        float32 [views * n, C] and [m, C].
    """
    image = keras.Input((recipe.image_size, recipe.image_size, 3))
    pooled = keras.Model(image, keras.layers.GlobalAveragePooling2D()(network.backbone(image)))
    return _pass(pooled, examples, recipe, views=recipe.views, seed=seed, store=store)


def _pass(model: keras.Model, examples: Examples, recipe: Recipe, *, views: int, seed: int, store: Path | None) -> Embeddings:
    """Pass the images through frozen layers."""
    policy, train, validation = recipe.augmentation, examples.train, examples.validation
    train_digest, validation_digest = examples.digests if store else ("", "")
    return Embeddings(
        features(model, examples.pixels, train, policy, views=views, seed=seed, store=store, digest=train_digest),
        features(model, examples.pixels, validation, FLIPS, views=1, seed=0, store=store, digest=validation_digest),
    )


def fit_head(
    network: Network, embeddings: Embeddings, examples: Examples, phase: Phase, on_epoch: OnEpoch, *, checkpoint: Path | None = None
) -> dict[str, float]:
    """Train the head on embeddings; the backbone is not touched. Returns the best epoch (`fit`)."""
    return _fit_features(network.head, embeddings, examples, phase, on_epoch, checkpoint=checkpoint)


def _fit_features(
    model: keras.Model, found: Embeddings, examples: Examples, phase: Phase, on_epoch: OnEpoch, *, checkpoint: Path | None
) -> dict[str, float]:
    """Train a model on what the layers before it answered to the images."""
    views = len(found.train) // len(examples.train)
    places = np.arange(len(found.validation))
    return fit(
        model,
        found.train,
        np.arange(len(found.train)),
        np.tile(examples.train_targets, views),
        examples.class_weights,
        validation=(lambda: predict_logits(model, found.validation, places), examples.validation_targets),
        phase=phase,
        on_epoch=on_epoch,
        checkpoint=checkpoint,
    )


def fit_pixels(
    network: Network, examples: Examples, recipe: Recipe, phase: Phase, on_epoch: OnEpoch, *, checkpoint: Path | None = None
) -> dict[str, float]:
    """Train whatever is trainable from augmented pixels, labels blended where the policy says so. Returns the best epoch (`fit`)."""
    policy = augmentation.build(recipe.augmentation, recipe.image_size, seed=phase.seed)
    blend = mixing.build(recipe.augmentation, seed=phase.seed + 1000)  # apart from the layers' seeds
    plain = network.classifier()
    model = mixing.mixing_classifier(network, policy, blend, classes=len(examples.class_weights)) if blend else network.classifier(policy)
    return fit(
        model,
        examples.pixels,
        examples.train,
        examples.train_targets,
        examples.class_weights,
        validation=(lambda: predict_logits(plain, examples.pixels, examples.validation), examples.validation_targets),
        phase=phase,
        on_epoch=on_epoch,
        mixed=blend is not None,
        checkpoint=checkpoint,
    )


def fit_last(
    network: Network,
    examples: Examples,
    recipe: Recipe,
    phase: Phase,
    on_epoch: OnEpoch,
    *,
    checkpoint: Path | None = None,
    store: Path | None = None,
) -> dict[str, float]:
    """Train the layers that were unfrozen: on features at the last frozen layer where the recipe keeps views of them, else from pixels.

    Features have one label, as embeddings do; they are not kept where labels are blended, or where they would fill the disk.
    """
    blends = recipe.augmentation.mixup or recipe.augmentation.cutmix
    parts = cut(network) if recipe.fine_tune_views and network.pretrained and not blends else None
    if parts is not None:
        count = recipe.fine_tune_views * len(examples.train) + len(examples.validation)
        size = 4 * count * math.prod(parts.before.output_shape[1:])
        if size <= MOST_FEATURES:
            found = _pass(parts.before, examples, recipe, views=recipe.fine_tune_views, seed=recipe.split_seed, store=store)
            inputs = keras.Input(parts.before.output_shape[1:])
            model = keras.Model(inputs, network.head(keras.layers.GlobalAveragePooling2D()(parts.after(inputs))))
            return _fit_features(model, found, examples, phase, on_epoch, checkpoint=checkpoint)
        logger.info("features at the last frozen layer would take %.0f GiB: images pass the whole network", size / 2**30)
    return fit_pixels(network, examples, recipe, phase, on_epoch, checkpoint=checkpoint)


def phase_of(recipe: Recipe, *, epochs: int, learning_rate: float, seed: int, warm_up: bool = False) -> Phase:
    """Return the settings of a phase of a recipe."""
    return Phase(
        *(epochs, learning_rate, warm_up, recipe.weight_decay, recipe.batch_size, recipe.label_smoothing),
        *(recipe.patience or epochs, seed, recipe.optimizer, recipe.schedule, recipe.ema, recipe.swa),
        rewritten=devices.rewrites(recipe.training_precision),
    )


def fit_network(
    network: Network,
    examples: Examples,
    recipe: Recipe,
    embeddings: Embeddings | None,
    *,
    seed: int,
    on_epoch: OnEpoch,
    checkpoints: Path | None = None,
    store: Path | None = None,
) -> dict[str, float]:
    """Train a network by the recipe's whole schedule; it ends with the best epoch's weights over all phases.

    Args:
        network: as built.
        examples: train and validation.
        recipe: gives the schedule.
        embeddings: of the frozen backbone (`needs_embeddings`); None passes the images through it in every epoch.
        seed: of order and augmentation.
        on_epoch: told the curves, epochs counted through all phases.
        checkpoints: directory from whose files a training that was cut off goes on.
        store: where features of frozen layers are kept for other seeds and runs.

    Returns:
        The validation metrics of the best epoch, its number, and `epochs`, how many were trained.
    """
    done = 0

    def numbered(_: int, values: Mapping[str, float]) -> None:
        nonlocal done
        on_epoch(done, values)
        done += 1

    def file(number: int) -> Path | None:
        return checkpoints / f"phase-{number}.npz" if checkpoints else None

    best: dict[str, float] | None = None
    if recipe.epochs:
        first = phase_of(recipe, epochs=recipe.epochs, learning_rate=recipe.learning_rate, seed=seed)
        if embeddings is None:
            best = fit_pixels(network, examples, recipe, first, numbered, checkpoint=file(1))
        else:
            best = fit_head(network, embeddings, examples, first, numbered, checkpoint=file(1))
    stages = recipe.fine_tune_stages if network.pretrained else 1
    for stage in range(1, stages + 1) if recipe.fine_tune_epochs and (network.pretrained or best is None) else ():
        kept = network.backbone.get_weights(), network.head.get_weights()
        if network.pretrained:
            network.unfreeze(math.ceil(recipe.fine_tune_layers * stage / stages), norm=recipe.fine_tune_norm)
        before, epochs = done, recipe.fine_tune_epochs * stage // stages - recipe.fine_tune_epochs * (stage - 1) // stages
        second = phase_of(recipe, epochs=epochs, learning_rate=recipe.fine_tune_learning_rate, seed=seed, warm_up=True)
        tuned = fit_last(network, examples, recipe, second, numbered, checkpoint=file(1 + stage), store=store)
        if best is None or tuned["val_auc"] >= best["val_auc"]:
            best = {**tuned, "epoch": tuned["epoch"] + before}
        else:
            logger.info("fine-tuning of %d layers did not help: the weights before it are kept", recipe.fine_tune_layers * stage // stages)
            network.backbone.set_weights(kept[0])
            network.head.set_weights(kept[1])
    assert best is not None, "a recipe has epochs"
    return {**best, "epochs": float(done)}
