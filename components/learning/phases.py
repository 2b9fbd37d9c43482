"""The schedule: a head on cached embeddings of a frozen backbone, then the last layers; or the whole network from scratch."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from components.domain.artifacts import Dataset
from components.domain.recipe import Recipe
from components.learning import augmentation, mixing
from components.learning.fit import OnEpoch, fit, predict_logits
from components.learning.network import Network
from components.learning.schedule import Phase
from components.learning.scores import Floats, Targets, balanced_weights

EMBED_BATCH = 64
"""Images that pass the frozen backbone together."""
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


@dataclass(frozen=True)
class Embeddings:
    """Pooled features of a frozen backbone: every view of the training images, view after view, and the validation images."""

    train: Floats
    validation: Floats


def needs_embeddings(network: Network, recipe: Recipe) -> bool:
    """Tell whether the first phase learns from embeddings: of a frozen backbone, where the recipe keeps views."""
    return network.pretrained and recipe.epochs > 0 and recipe.views > 0


def embed(network: Network, examples: Examples, recipe: Recipe, *, seed: int) -> Embeddings:
    """Pass every training image `recipe.views` times (first as it is, then augmented) and every validation image once.

    An embedding has one label, so MixUp and CutMix wait for the phase that trains from pixels.

    Returns:
        float32 [views * n, C] and [m, C].
    """
    image = keras.Input((recipe.image_size, recipe.image_size, 3))
    pooled = keras.Model(image, keras.layers.GlobalAveragePooling2D()(network.backbone(image)))
    policy = augmentation.build(recipe.augmentation, recipe.image_size, seed=seed)
    views = [_embed(pooled, examples.pixels, examples.train)]
    for view in range(1, recipe.views):
        logger.info("embedding %d training images, view %d of %d", len(examples.train), view + 1, recipe.views)
        views.append(_embed(pooled, examples.pixels, examples.train, policy))
    return Embeddings(np.concatenate(views), _embed(pooled, examples.pixels, examples.validation))


def _embed(pooled: keras.Model, pixels: npt.NDArray[np.uint8], rows: Targets, policy: keras.Model | None = None) -> Floats:
    """Embed some rows of the pixels: float32 [n, C].

    The policy is called outside the model: inside it, predicting would switch it off whatever its call says.
    """
    parts = []
    for start in range(0, len(rows), EMBED_BATCH):
        batch = np.asarray(pixels[rows[start : start + EMBED_BATCH]], dtype=np.float32)
        parts.append(pooled.predict_on_batch(batch if policy is None else policy(batch, training=True)))
    return np.concatenate(parts).astype(np.float32)


def fit_head(
    network: Network, embeddings: Embeddings, examples: Examples, phase: Phase, on_epoch: OnEpoch, *, checkpoint: Path | None = None
) -> dict[str, float]:
    """Train the head on embeddings; the backbone is not touched. Returns the best epoch (`fit`)."""
    views = len(embeddings.train) // len(examples.train)
    places = np.arange(len(embeddings.validation))
    return fit(
        network.head,
        embeddings.train,
        np.arange(len(embeddings.train)),
        np.tile(examples.train_targets, views),
        examples.class_weights,
        validation=(lambda: predict_logits(network.head, embeddings.validation, places), examples.validation_targets),
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


def phase_of(recipe: Recipe, *, epochs: int, learning_rate: float, seed: int, warm_up: bool = False) -> Phase:
    """Return the settings of a phase of a recipe."""
    return Phase(
        *(epochs, learning_rate, warm_up, recipe.weight_decay, recipe.batch_size, recipe.label_smoothing),
        *(recipe.patience or epochs, seed, recipe.optimizer, recipe.schedule),
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

    Returns:
        The validation metrics of the best epoch, its number, and `epochs`, how many were trained.
    """
    done = 0
    first_file, second_file = (checkpoints and checkpoints / f"phase-{number}.npz" for number in (1, 2))

    def numbered(_: int, values: Mapping[str, float]) -> None:
        nonlocal done
        on_epoch(done, values)
        done += 1

    best: dict[str, float] | None = None
    if recipe.epochs:
        first = phase_of(recipe, epochs=recipe.epochs, learning_rate=recipe.learning_rate, seed=seed)
        if embeddings is None:
            best = fit_pixels(network, examples, recipe, first, numbered, checkpoint=first_file)
        else:
            best = fit_head(network, embeddings, examples, first, numbered, checkpoint=first_file)
    if recipe.fine_tune_epochs and (network.pretrained or best is None):
        kept = network.backbone.get_weights(), network.head.get_weights()
        if network.pretrained:
            network.unfreeze(recipe.fine_tune_layers, norm=recipe.fine_tune_norm)
        before = done
        second = phase_of(recipe, epochs=recipe.fine_tune_epochs, learning_rate=recipe.fine_tune_learning_rate, seed=seed, warm_up=True)
        tuned = fit_pixels(network, examples, recipe, second, numbered, checkpoint=second_file)
        if best is None or tuned["val_auc"] >= best["val_auc"]:
            best = {**tuned, "epoch": tuned["epoch"] + before}
        else:
            logger.info("fine-tuning did not help: the frozen phase's weights are kept")
            network.backbone.set_weights(kept[0])
            network.head.set_weights(kept[1])
    assert best is not None, "a recipe has epochs"
    return {**best, "epochs": float(done)}
