"""The training set: what training may see, copies that balance its classes, and a report of what augmentation does to it."""

import dataclasses
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.augment.balance import copied_rows, copies_table, render_copies
from components.augment.distribution import check_distribution
from components.augment.page import render
from components.augment.sheet import contact_sheet
from components.domain.artifacts import AUGMENTATION_FILES, MANIFEST_FILE, ROI_FILE, ROI_SHEET, Dataset, pixel_writer, read_dataset
from components.domain.certificate import pixels_digest
from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_json

CHUNK = 256
logger = logging.getLogger(__name__)


def augment_dataset(dataset: Path, output: Path, *, recipe: Recipe) -> None:
    """Write the training set: every train and validation row as it is, no test row, `policy.json` and `AUGMENTATION_FILES`.

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
        copies = pixels_digest((identity, pixels[len(rows) + row]) for row, identity in enumerate(made.column("id").to_pylist()))
    facts = {**(source.table.schema.metadata or {}), b"augment": part_json(recipe, "augment").encode()}
    facts |= {b"copies": copies.encode()} if len(copied) else {}
    table = pa.concat_tables([source.table.take(pa.array(rows)), made]).replace_schema_metadata(facts)
    pq.write_table(table, output / MANIFEST_FILE)
    source.certificate.write(output)
    (output / "policy.json").write_text(json.dumps(dataclasses.asdict(recipe.augmentation), indent=2) + "\n", encoding="utf-8")
    for name in (ROI_FILE, ROI_SHEET):
        if (dataset / name).exists():
            shutil.copyfile(dataset / name, output / name)
    _show(source, output, recipe=recipe)
    logger.info(
        "%d training images, %d copies and %d validation images; the test split stays out",
        *(len(source.rows("train")), len(copied), len(source.rows("validation"))),
    )


def _show(source: Dataset, output: Path, *, recipe: Recipe) -> None:
    """Draw the contact sheet, check the distribution and write the page, from the training set as it was written."""
    made = read_dataset(output)
    sheet, report, page = (output / name for name in AUGMENTATION_FILES)
    first = int(np.flatnonzero(np.append(made.table.column("augmented").to_pylist(), True))[0])
    copies = made.pixels[first:]
    contact_sheet(source, copies, made.column("label")[first:], sheet, recipe=recipe)
    check = check_distribution(source, copies, recipe=recipe)
    report.write_text(json.dumps(check.to_dict(), indent=2) + "\n", encoding="utf-8")
    page.write_text(render(output, made, check, recipe=recipe), encoding="utf-8")
