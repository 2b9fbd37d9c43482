"""A study of 20 trials by the tune step beside a plain loop over 20 random settings, each by `model.fit`, for `make bench-train`.

Both train a linear head on a frozen backbone, on the same images, which one split by group judges. The loop passes its images through the
backbone in each of ten epochs; ours learns for twenty from embeddings that are computed once, four views of an image. The loop draws its
settings from the recipe's search space; of its trials `loops` are run and their time is extended to 20, while its AUC is the best epoch's
of those that were run. Ours is the step as `lobule run` calls it: processes that read the data and weights, embeddings of all views,
pruning, the store. Told is what the whole study takes, and when its first trial reached the loop's AUC.

Without `--data` 440 images are drawn, each a group of its own: weak and strong noise, which the loop's turned and zoomed images blur while
its validation images stay sharp; ours sees each image as it is, too. So there the two AUCs do not compare, and the time alone is told.
"""

import dataclasses
import time
from pathlib import Path

import numpy as np
import optuna
from PIL import Image
from train_published import Published, now, since, train

from components.domain.artifacts import read_dataset
from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_of
from components.domain.search_space import SearchSpace
from components.domain.tracking import NoTracker
from components.ingest.ingest import ingest_source
from components.learning.phases import Examples
from components.tune.orders import Orders
from components.tune.tune import tune

TRIALS, EPOCHS, IMAGES = 20, 10, 440
HEAD_EPOCHS = 20
"""Of a trial of ours, as the recipes have it: on embeddings they cost next to nothing."""
SPACE = SearchSpace(batch_size=(16, 32, 64))


def compare_study(network: str, weights: str, recipe: Recipe, folder: Path, *, loops: int, data: str | None = None) -> str:
    """Return in words what the study and the loop took and reached.

    Args:
        network: its name in `keras.applications`.
        weights: file of its weights.
        recipe: gives the backbone, the size of the images and the augmentation.
        folder: to work in.
        loops: trials of the loop that are run.
        data: source of images, as `lobule run --data` takes it; None draws some.
    """
    recipe = dataclasses.replace(
        recipe, trials=TRIALS, trial_epochs=HEAD_EPOCHS, fine_tune_epochs=0, validation=0.3, test=0.05, search=SPACE
    )
    if data is None:
        _draw(folder / "images", recipe.image_size)
    ingest_source(data or str(folder / "images"), folder / "data", recipe=part_of(recipe, "ingest"), cache=folder / "cache")
    examples, random = Examples.of(read_dataset(folder / "data"), recipe), np.random.default_rng(0)
    began, aucs = now(), []
    for _ in range(loops):
        rate, dropout = np.exp(random.uniform(*np.log(SPACE.learning_rate))), random.uniform(*SPACE.dropout)
        way = Published(network, weights, 0, recipe.augmentation, int(random.choice(SPACE.batch_size)))
        aucs.append(max(train(way, examples, epochs=EPOCHS, learning_rate=rate, dropout=dropout).aucs))
    plain, began, date = [each * TRIALS / loops for each in since(began)], now(), time.time()
    orders = Orders(folder / "data", recipe, weights, "bench", f"sqlite:///{folder / 'studies.db'}", store=folder / "features")
    tune(orders, folder / "study", tracker=NoTracker())
    spent, clock = since(began)
    lines = [
        f"study of {TRIALS} trials, {len(examples.train)} and {len(examples.validation)} images:",
        f"the loop {plain[0]:.0f} s of processor time (from {loops} trials), ours {spent:.0f} s:",
        f"{plain[0] / spent:.1f}x, {plain[1] / clock:.1f}x by the clock;",
    ]
    if data:
        done = sorted(
            (each.datetime_complete.timestamp() - date, each.value)
            for each in optuna.load_study(study_name=orders.name, storage=orders.storage).get_trials(
                states=(optuna.trial.TrialState.COMPLETE,)
            )
        )
        reached = next((f"after {taken:.0f} s, {plain[1] / taken:.1f}x" for taken, auc in done if auc >= max(aucs)), "never")
        lines.append(f"best validation AUC {max(aucs):.4f} and {max(auc for _, auc in done):.4f}; ours reached the loop's {reached}")
    return " ".join(lines)


def _draw(folder: Path, side: int) -> None:
    """Write weak and strong noise, two classes that overlap, a folder each."""
    random = np.random.default_rng(0)
    for number in range(IMAGES):
        place = folder / ("malignant" if number % 2 else "benign")
        place.mkdir(parents=True, exist_ok=True)
        noise = random.normal(120, 20) + (30 if number % 2 else 20) * random.standard_normal((side, side, 3))
        Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).save(place / f"{number}.png")
