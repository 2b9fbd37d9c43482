"""The training set: what training may see, copies that balance its classes, and a contact sheet of what augmentation does to it."""

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.augment.balance import copied_rows, copies_table, render_copies
from components.domain.artifacts import MANIFEST_FILE, Dataset, pixel_writer, read_dataset
from components.domain.recipe import Recipe

CHUNK = 256
logger = logging.getLogger(__name__)


def augment_dataset(dataset: Path, output: Path, *, recipe: Recipe) -> None:
    """Write the training set: every train and validation row as it is, no test row, `policy.json` and `contact_sheet.png`.

    After them stand the copies that balance the classes of the train split, where the recipe asks for it. The policy itself runs
    inside the training graph, so that every epoch sees new variants.

    Args:
        dataset: data set artifact.
        output: training set artifact to write.
        recipe: gives the policy, and the target count of the copies.

    Raises:
        InputError, RefusedError: if the data set is damaged or not certified.
    """
    source = read_dataset(dataset)
    source.require_certified(("train", "validation", "test"))
    rows = np.sort(np.concatenate([source.rows("train"), source.rows("validation")]))
    copied = copied_rows(source, recipe)
    output.mkdir(parents=True, exist_ok=True)
    with pixel_writer(output, len(rows) + len(copied), source.spec) as pixels:
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            pixels[start : start + len(chunk)] = source.pixels[chunk]
        render_copies(source, copied, pixels[len(rows) :], recipe=recipe)
        made = copies_table(source, copied, pixels[len(rows) :])
    pq.write_table(pa.concat_tables([source.table.take(pa.array(rows)), made]), output / MANIFEST_FILE)
    source.certificate.write(output)
    (output / "policy.json").write_text(json.dumps(dataclasses.asdict(recipe.augmentation), indent=2) + "\n", encoding="utf-8")
    _contact_sheet(source, recipe, output / "contact_sheet.png")
    logger.info("%d training and %d validation images; the test split stays out", len(source.rows("train")), len(source.rows("validation")))


def _contact_sheet(source: Dataset, recipe: Recipe, path: Path, *, images: int = 6, variants: int = 6) -> None:
    from PIL import Image

    from components.learning import augmentation

    random = np.random.default_rng(recipe.split_seed)
    train = source.rows("train")
    chosen = np.sort(random.choice(train, size=min(images, len(train)), replace=False))
    originals = np.asarray(source.pixels[chosen])
    policy = augmentation.build(recipe.augmentation, source.spec.height, seed=recipe.split_seed)
    changed = [np.asarray(policy(originals.astype(np.float32), training=True)) for _ in range(variants)]
    columns = [originals, *(np.clip(column, 0, 255).astype(np.uint8) for column in changed)]
    sheet = np.concatenate([np.concatenate(list(column), axis=0) for column in columns], axis=1)
    Image.fromarray(sheet).save(path)
