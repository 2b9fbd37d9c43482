"""The ingest step: from a source to a certified data set.

Every image is decoded once and every picture kept once; look-alikes and the images of a patient stay on one side of the split.
The data set is written beside its place and moved there when it is whole, so a killed run leaves nothing half behind; what it has
decoded is kept in the cache, and the next run on the same files continues there.
"""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from components.domain.artifacts import MANIFEST_FILE, PIXELS_FILE, SPLITS, pixel_writer, write_certified, write_manifest
from components.domain.certificate import Certificate
from components.domain.errors import InputError
from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_json
from components.ingest.certify import certify
from components.ingest.given import given_splits
from components.ingest.held_out import keep_held_out
from components.ingest.inspect import inspect_survey
from components.ingest.layouts import list_images
from components.ingest.memory import Memory
from components.ingest.protocol import split_images
from components.ingest.region import Cut, cut_to_masks
from components.ingest.report import REPORT_FILE, SplitCounts, render
from components.ingest.resume import resumable
from components.ingest.source import open_source, origin
from components.ingest.survey import Survey, survey
from components.ingest.tallies import SITES
from serving.contract import PROPERTIES, ImageSpec

logger = logging.getLogger(__name__)
NAMED = 20
"""So many excluded files are named in the log; the certificate names all."""
COPY_ROWS = 256


def ingest_source(
    source: str, output: Path, *, recipe: Recipe, cache: Path, memory: Path | None = None, allow_leakage: bool = False
) -> Certificate:
    """Write the data set of a source.

    Args:
        source: a folder or `sample:KIND` (`components.ingest.source.open_source`).
        output: directory of the data set; may exist if it is empty or holds a data set, which is replaced.
        recipe: gives size and fit of the images, shares and seed of the split, and the positive class.
        cache: where samples and interrupted scans are kept.
        memory: folder in which the side of every image is remembered, so that it stays when images are added; None forgets.
        allow_leakage: split by image, as published protocols do and a recipe that `leaks` asks for; data set, run and model are
            marked as leaking for good.

    Returns:
        The certificate, as written into the data set.

    Raises:
        InputError: if a data set for this recipe cannot be made of the source.
    """
    leaking = allow_leakage or recipe.leaks
    root = open_source(source, cache=cache)
    shown = origin(root)
    listing = list_images(root)
    spec = ImageSpec(height=recipe.image_size, width=recipe.image_size, fit=recipe.fit)
    logger.info("%d images in %s, layout: %s", len(listing.images), shown, listing.layout)
    require_classes(sorted({each.label for each in listing.images}), shown, recipe)
    with _in_place(output.absolute()) as partial, resumable(listing.images, spec, cache) as (storage, finished):
        _require_space(partial, len(listing.images), spec)
        found = survey(listing, storage, finished=finished)
        _tell(found)
        labels = [found.images[row].found.label for row in found.kept]
        groups = [found.groups[row] for row in found.kept]
        require_classes(sorted(set(labels)), shown, recipe)
        ids = [found.images[row].id for row in found.kept]
        split = given_splits(found, groups, ids, recipe=recipe, memory=Memory(memory), leak=leaking)
        if split is None:
            split = split_images(labels, groups, ids, recipe=recipe, memory=Memory(memory), sites=_sites(found), leak=leaking)
        splits = split.splits
        _write_pixels(found, storage.file, partial, spec)
        cuts = cut_to_masks(found, partial, spec, margin=recipe.roi_margin) if recipe.oracle else {}
        pixels = np.load(partial / PIXELS_FILE, mmap_mode="r")
        certificate = certify(found, groups, splits, pixels=pixels, share=recipe.test, moved=split.moved, leaking=leaking)
        _write_manifest(found, groups, splits, partial, spec, cuts=cuts, recipe=recipe)
        keep_held_out(found, splits, partial, cuts=cuts)
        certificate.write(partial)
        write_certified(partial, list(zip(ids, labels, groups, splits, strict=True)))
        counts = SplitCounts.of(labels, groups, splits)
        (partial / REPORT_FILE).write_text(render(inspect_survey(found, root), certificate=certificate, splits=counts), encoding="utf-8")
        split.keep(Memory(memory), ids)
    if certificate.leaking:
        across = certificate.edges_across_splits, certificate.groups_across_splits
        logger.warning("LEAKING on purpose: %d near-duplicate pairs and %d groups cross splits; no model of it becomes champion", *across)
    logger.info(
        "%d images in %d groups: %s; near-duplicate pairs: %d, across splits: %d",
        certificate.images,
        certificate.groups,
        ", ".join(f"{certificate.split_images[split]} {split}" for split in SPLITS),
        certificate.near_duplicate_pairs,
        certificate.edges_across_splits,
    )
    return certificate


def _sites(found: Survey) -> list[str] | None:
    """Return where each kept image comes from, if the source says so in a column of `SITES`."""
    known = [dict(found.images[row].found.slices) for row in found.kept]
    sites = [next((each[name] for name in SITES if each.get(name)), "") for each in known]
    return sites if any(sites) else None


def require_classes(labels: list[str], source: str, recipe: Recipe) -> None:
    """Check that a recipe can tell the classes of a source apart.

    Args:
        labels: the classes, each once.
        source: as the user knows it.
        recipe: names the positive class.

    Raises:
        InputError: if there are fewer than two, or none of them is the positive one.
    """
    if not labels:
        raise InputError(f"a source must hold readable images, but none in {source} is; look at them with `lobule data inspect`")
    if len(labels) == 1:
        raise InputError(
            f"a source must hold two or more classes, but {source} holds only {labels[0]!r}; add a folder for each other class"
        )
    if not set(recipe.positive) & set(labels):
        raise InputError(
            f"the positive class must be one of {', '.join(labels)}, but the recipe names {', '.join(recipe.positive)}; "
            f"add --set 'positive=[\"{labels[-1]}\"]' with the class whose sensitivity counts"
        )


def _require_space(directory: Path, images: int, spec: ImageSpec) -> None:
    need = 2 * images * spec.height * spec.width * 3
    free = shutil.disk_usage(directory).free
    if need > free:
        raise InputError(
            f"the pixels need {need / 2**30:.1f} GiB while they are sorted, but {directory.parent} has {free / 2**30:.1f} GiB free; "
            "free some space or lower image_size"
        )


def _tell(found: Survey) -> None:
    excluded = found.excluded()
    for each in excluded[:NAMED]:
        logger.warning("left out %s: %s", each.source, each.reason)
    if len(excluded) > NAMED:
        logger.warning("left out %d more, listed in the certificate", len(excluded) - NAMED)


def _write_pixels(found: Survey, scanned: Path, directory: Path, spec: ImageSpec) -> None:
    """Copy the kept images' pixels to their rows, a few megabytes at a time."""
    places = [found.images[row].place for row in found.kept]
    source = np.load(scanned, mmap_mode="r")
    with pixel_writer(directory, len(places), spec) as target:
        for start in range(0, len(places), COPY_ROWS):
            target[start : start + COPY_ROWS] = source[places[start : start + COPY_ROWS]]


def _write_manifest(
    found: Survey, groups: list[str], splits: list[str], directory: Path, spec: ImageSpec, *, cuts: Mapping[int, Cut], recipe: Recipe
) -> None:
    kept = [found.images[row] for row in found.kept]
    measured = [cuts[row].properties if row in cuts else found.images[row].properties for row in found.kept]
    columns: dict[str, list[object]] = {
        "id": [image.id for image in kept],
        "source": [image.found.source for image in kept],
        "label": [image.found.label for image in kept],
        "group": list(groups),
        "split": list(splits),
        "width": [image.width for image in kept],
        "height": [image.height for image in kept],
        "mode": [image.mode for image in kept],
        "mask": ["\n".join(image.found.masks) for image in kept],
        "hash": [image.hash for image in kept],
        "slices": [json.dumps(dict(image.found.slices), sort_keys=True) for image in kept],
        "augmented": [False] * len(kept),
        **{f"property_{name}": [values[name] for values in measured] for name in PROPERTIES},
    }
    write_manifest(directory, columns, spec, oracle=recipe.oracle, ingest=part_json(recipe, "ingest"))


@contextmanager
def _in_place(output: Path) -> Iterator[Path]:
    """Give a directory to write to, and put it in the place of `output` at the end; on an error, remove it."""
    if output.exists() and not (output.is_dir() and (not any(output.iterdir()) or (output / MANIFEST_FILE).exists())):
        raise InputError(f"a data set must go to a new or empty directory or replace a data set, but {output} is neither; name another one")
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    partial.mkdir(parents=True)
    try:
        yield partial
        if output.exists():
            shutil.rmtree(output)
        partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
