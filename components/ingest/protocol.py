"""How a recipe splits: by shares, by one of k folds, or, on purpose, the way that leaks; and what is remembered of it."""

import logging
from dataclasses import dataclass

from components.domain.recipe import Recipe
from components.ingest.memory import Memory
from components.ingest.split import assign_fold_splits, assign_folds, assign_splits, leaking_splits, moved

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Split:
    """Where each image went.

    Attributes:
        splits: one of `SPLITS` for each image.
        moved: images that had another side before, because a new image connected two groups.
        memo: what to remember once the data set is written: (protocol, side of each image).
    """

    splits: list[str]
    moved: int = 0
    memo: tuple[tuple[str, list[str]], ...] = ()

    def keep(self, memory: Memory, ids: list[str]) -> None:
        """Remember the sides."""
        for protocol, sides in self.memo:
            memory.remember(protocol, ids, sides)


def split_images(
    labels: list[str],
    groups: list[str],
    ids: list[str],
    *,
    recipe: Recipe,
    memory: Memory,
    sites: list[str] | None = None,
    leak: bool = False,
) -> Split:
    """Split as the recipe says.

    Args:
        labels: class of each image.
        groups: group of each image.
        ids: content id of each image.
        recipe: gives shares and seed, or folds and the one that is held out.
        memory: of earlier splits; read here, written by `Split.keep`.
        sites: where each image comes from; folds then keep sites whole.
        leak: split by image at random, to reproduce a published protocol. Never remembered.

    Raises:
        InputError: if no split has every class on every side.
    """
    seed = recipe.split_seed
    if leak and not recipe.folds:
        return Split(leaking_splits(labels, ids, validation=recipe.validation, test=recipe.test, seed=seed))
    if leak:  # every image a group of its own
        groups, sites, memory = ids, None, Memory(None)
    if not recipe.folds:
        name = f"shares-{recipe.validation:g}-{recipe.test:g}-seed-{seed}"
        before = memory.recall(name, ids)
        splits = assign_splits(labels, groups, validation=recipe.validation, test=recipe.test, seed=seed, before=before)
        return Split(splits, _tell(before, splits), ((name, splits),))
    name = f"folds-{recipe.folds}{'-sites' if sites else ''}-seed-{seed}"
    known = memory.recall(name, ids)
    folds = assign_folds(labels, groups, folds=recipe.folds, seed=seed, sites=sites, before=[int(each) if each else -1 for each in known])
    numbers = [str(fold) for fold in folds]
    inner = f"{name}-fold-{recipe.fold}-{recipe.validation:g}"
    held_out = [fold == recipe.fold for fold in folds]
    before = memory.recall(inner, ids)
    splits = assign_fold_splits(labels, groups, held_out, validation=recipe.validation, seed=seed, before=before)
    return Split(splits, _tell(before, splits), () if leak else ((name, numbers), (inner, splits)))


def _tell(before: list[str], after: list[str]) -> int:
    """Log what stayed and what had to move; return how many moved."""
    known = sum(bool(side) for side in before)
    if known:
        logger.info("%d of %d images were split before and keep their side", known - (moves := moved(before, after)).total(), len(before))
        for (old, new), count in sorted(moves.items()):
            logger.warning("%d images moved from %s to %s: a new image connects their group to one that lies there", count, old, new)
        return moves.total()
    return 0
