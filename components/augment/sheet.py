"""The contact sheet: train images as they are, and below them what each setting, the whole policy and the copies make of them."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from components.augment.distribution import apply_policy, settings_of
from components.domain.artifacts import Dataset
from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe
from serving.imaging import Pixels

COLUMNS = 8
SIDE = 144
"""Side of a picture in the sheet, in pixels."""
_LEFT, _TOP, _INK, _PAPER = 190, 26, (30, 30, 30), (255, 255, 255)


def contact_sheet(source: Dataset, copied: Pixels, copied_labels: list[str], path: Path, *, recipe: Recipe) -> None:
    """Draw the sheet as PNG: a row for each kind of change, its name at the left; a column for each image, its class on top.

    Args:
        source: the data set; the images are of its train split, of each class alike.
        copied: changed copies that balance the classes, uint8 [m, S, S, 3]; their row shows some, each with its class.
        copied_labels: class of each.
        path: file to write.
        recipe: gives policy and seed.
    """
    rows = _choose(source, seed=recipe.split_seed)
    originals = np.asarray(source.pixels[rows])
    policy, seed = recipe.augmentation, recipe.split_seed
    strips: list[tuple[str, Pixels]] = [("as it is", originals)]
    strips += [(name.replace("=", " "), apply_policy(each, originals, seed=seed)) for name, each in settings_of(policy).items()]
    strips += [(f"whole policy, draw {draw + 1}", apply_policy(policy, originals, seed=seed + draw)) for draw in range(2)]
    if policy.mixup or policy.cutmix:
        strips.append((f"mixup {policy.mixup}, cutmix {policy.cutmix}", _blend(policy, originals, seed=seed)))
    labels = [source.column("label")[row] for row in rows]
    sheet = Image.new("RGB", (_LEFT + SIDE * len(rows), _TOP + SIDE * len(strips) + (_TOP + SIDE if len(copied) else 0)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _strips(sheet, draw, strips, labels, top=0)
    if len(copied):
        places = np.unique(np.linspace(0, len(copied) - 1, min(COLUMNS, len(copied))).round().astype(int))
        chosen = [copied_labels[place] for place in places]
        _strips(sheet, draw, [(f"copies (of {len(copied)})", np.asarray(copied[places]))], chosen, top=_TOP + SIDE * len(strips))
    sheet.save(path)


def _choose(source: Dataset, *, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return rows of the train split: as many of each class, by chance, in class order."""
    random = np.random.default_rng(seed)
    train, targets = source.rows("train"), source.targets
    each = max(1, COLUMNS // len(source.classes))
    members = [train[targets[train] == index] for index in range(len(source.classes))]
    return np.concatenate([np.sort(random.choice(rows, size=min(each, len(rows)), replace=False)) for rows in members])


def _blend(policy: Augmentation, images: Pixels, *, seed: int) -> Pixels:
    from components.learning import mixing

    layer = mixing.build(policy, seed=seed)
    assert layer is not None
    blended, _ = layer(images.astype(np.float32), np.ones((len(images), 1), np.float32), training=True)
    made: Pixels = np.clip(np.asarray(blended), 0, 255).astype(np.uint8)
    return made


def _strips(sheet: Image.Image, draw: ImageDraw.ImageDraw, strips: list[tuple[str, Pixels]], labels: list[str], *, top: int) -> None:
    font = ImageFont.load_default(15)
    for column, label in enumerate(labels):
        draw.text((_LEFT + SIDE * column + 4, top + 4), label[:18], fill=_INK, font=font)
    for line, (name, images) in enumerate(strips):
        y = top + _TOP + SIDE * line
        draw.text((8, y + SIDE // 2 - 8), name, fill=_INK, font=font)
        for column, image in enumerate(images):
            picture = Image.fromarray(image).resize((SIDE - 4, SIDE - 4), Image.Resampling.BILINEAR)
            sheet.paste(picture, (_LEFT + SIDE * column + 2, y + 2))
