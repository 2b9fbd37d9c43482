"""What presets share: the two-phase schedule of transfer learning, and what all published protocols have in common."""

from dataclasses import replace

from components.domain.augmentation import Augmentation
from components.domain.recipe import Backbone, Recipe, Task
from components.domain.search_space import SearchSpace

TISSUE = Augmentation(flips="both", rotation=90, zoom=0.1, brightness=0.08, contrast=0.1, stain=0.08)
"""Stained tissue has no up; its colours vary with the laboratory."""
SCANS = Augmentation(flips="horizontal", rotation=8, zoom=0.1, translation=0.05, brightness=0.08, contrast=0.15)
"""Ultrasound has an up: the transducer."""
ALL_LAYERS = 1000
"""More layers than any backbone has."""


def transfer(name: str, task: Task, backbone: Backbone, policy: Augmentation) -> Recipe:
    """Return the schedule of a backbone that starts from weights: frozen, on cached embeddings, then its last layers."""
    return Recipe(
        name=name,
        task=task,
        backbone=backbone,
        epochs=25,
        fine_tune_epochs=15,
        fine_tune_layers=60,
        learning_rate=1e-3,
        fine_tune_learning_rate=1e-4,
        dropout=0.4,
        patience=8,
        trials=8,
        trial_epochs=20,
        seeds=2,
        views=4,
        label_smoothing=0.05,
        augmentation=policy,
        search=SearchSpace(batch_size=(16, 32, 64)),
    )


def as_published(corrected: Recipe) -> Recipe:
    """Return a recipe's other face, to which a preset adds what its published system did.

    Common to all of them: one model, no search, no early stop, changed images passed through the network in every epoch, Adam at a
    constant rate without weight decay, classes not weighted, and a split by image, which leaks. Lobule still keeps validation and test
    apart, picks the epoch by validation AUC, and judges by its own report.
    """
    return replace(
        corrected,
        name=f"{corrected.name}:as_published",
        trials=0,
        seeds=1,
        patience=0,
        views=0,
        optimizer="adam",
        schedule="constant",
        weight_decay=0.0,
        label_smoothing=0.0,
        balance=False,
        leaks=True,
        given_split=False,
    )


def fine_tuned(recipe: Recipe, *, epochs: int, learning_rate: float) -> Recipe:
    """Return a recipe that trains every layer from the first epoch, batch normalisation too, as published work does by `model.fit`."""
    return replace(
        recipe,
        epochs=0,
        fine_tune_epochs=epochs,
        fine_tune_layers=ALL_LAYERS,
        fine_tune_norm=True,
        fine_tune_learning_rate=learning_rate,
    )
