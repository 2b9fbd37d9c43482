"""Class balancing: changed copies of train images, until each class has its target count. No image is changed or taken away.

A copy is a row of its own with source, label and group of its image, so that whatever splits or counts by group keeps them
together. All draws come from one seed.
"""

import hashlib
import logging
from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.domain.artifacts import Dataset
from components.domain.recipe import Recipe
from serving.contract import PROPERTIES
from serving.imaging import Pixels
from serving.measure import properties

BATCH = 64
Rows = npt.NDArray[np.int64]
logger = logging.getLogger(__name__)


def plan_copies(targets: Rows, *, to: str, seed: int) -> Rows:
    """Choose which images are copied, and how often.

    Every image of a class is copied n or n + 1 times; chance chooses which are copied once more.

    Args:
        targets: class index of each image, int64 [n].
        to: target count of each class, or `max` for that of the largest class; a class that has more keeps them.
        seed: of the choice.

    Returns:
        Places in `targets`, one for each copy, in class order: int64 [m].
    """
    random = np.random.default_rng(seed)
    counts = np.bincount(targets)
    target = int(counts.max()) if to == "max" else int(to)
    chosen: list[Rows] = []
    for index, count in enumerate(counts):
        members = np.flatnonzero(targets == index)
        missing = max(0, target - int(count)) if count else 0
        rounds = [random.permutation(members) for _ in range(-(-missing // max(1, int(count))))]
        chosen.append(np.concatenate([*rounds, members[:0]])[:missing].astype(np.int64))
    return np.concatenate(chosen)


def copied_rows(source: Dataset, recipe: Recipe) -> Rows:
    """Return the data set's rows of which the training set holds copies, one entry for each copy: int64 [m]."""
    train = source.rows("train")
    if recipe.balance_to == "0":
        return train[:0]
    rows: Rows = train[plan_copies(source.targets[train], to=recipe.balance_to, seed=recipe.split_seed)]
    before, added = Counter(source.targets[train].tolist()), Counter(source.targets[rows].tolist())
    told = ", ".join(f"{name} {before[index]} + {added[index]}" for index, name in enumerate(source.classes))
    logger.info("copies of the train split up to %s: %s", recipe.balance_to, told)
    return rows


def render_copies(source: Dataset, rows: Rows, target: Pixels, *, recipe: Recipe) -> None:
    """Write changed copies of images.

    Args:
        source: the data set.
        rows: of the data set, one for each copy, int64 [m].
        target: uint8 [m, S, S, 3] to write to, may be memory-mapped.
        recipe: `copies` says how they are changed, `split_seed` seeds it.
    """
    if not len(rows):
        return
    from components.learning import augmentation

    policy = augmentation.build(recipe.copies, source.spec.height, seed=recipe.split_seed)
    for start in range(0, len(rows), BATCH):
        images = np.asarray(source.pixels[rows[start : start + BATCH]]).astype(np.float32)
        target[start : start + BATCH] = np.rint(np.clip(np.asarray(policy(images, training=True)), 0, 255)).astype(np.uint8)


def copies_table(source: Dataset, rows: Rows, pixels: Pixels) -> pa.Table:
    """Return the manifest rows of copies: those of their images, but for what belongs to the copy itself.

    Args:
        source: the data set.
        rows: of the data set, one for each copy, int64 [m].
        pixels: the copies, uint8 [m, S, S, 3].
    """
    table = source.table.take(pa.array(rows))
    measured = [properties(np.asarray(image)) for image in pixels]
    number: Counter[str] = Counter()
    ids = []
    for identity in table.column("id").to_pylist():
        number[identity] += 1
        ids.append(hashlib.sha256(f"{identity} copy {number[identity]}".encode()).hexdigest())
    own: dict[str, list[object]] = {
        "id": list(ids),
        "width": [source.spec.width] * len(rows),
        "height": [source.spec.height] * len(rows),
        "mask": [""] * len(rows),
        "hash": [b""] * len(rows),
        "augmented": [True] * len(rows),
        **{f"property_{name}": [values[name] for values in measured] for name in PROPERTIES},
    }
    for name, values in own.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), pa.array(values, type=table.schema.field(place).type))
    return table
