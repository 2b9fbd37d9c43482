"""A split that somebody made before (`train/`, `val/`, `test/` folders, or a manifest's column): kept as given, and checked.

What is missing of it is taken out of train, by group. Folders that share pictures, look-alikes or patients would make every
figure of the model too good, so they are refused by name unless the leak is asked for.
"""

import logging
from collections import Counter
from dataclasses import dataclass

from components.domain.artifacts import SPLITS
from components.domain.errors import InputError, RefusedError
from components.domain.recipe import Recipe
from components.ingest.memory import Memory
from components.ingest.protocol import Split
from components.ingest.split import assign_fold_splits
from components.ingest.survey import Survey

_TRAIN, _VALIDATION, _TEST = SPLITS
ANEW = "--set given_split=false"
LISTED = 20
"""So many pairs are named in the log."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Leaks:
    """What lies on two sides of a given split.

    Attributes:
        pictures: equal pictures.
        pairs: near-duplicate pairs of other pictures.
        patients: patients or slides.
        groups: units of splitting that are touched by any of these.
        examples: sources of two images that should not be apart, one pair for each of these.
    """

    pictures: int
    pairs: int
    patients: int
    groups: int
    examples: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return the counts in words."""
        counts = ((self.pictures, "equal picture"), (self.pairs, "near-duplicate pair"), (self.patients, "patient or slide"))
        parts = [f"{count} {name if count == 1 else _plural(name)}" for count, name in counts if count] or [f"{self.groups} groups"]
        words = " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"
        lie = "lies" if len(parts) == 1 and parts[0].startswith("1 ") else "lie"
        return f"{words} {lie} in two of them, such as {self.examples[0][0]} and {self.examples[0][1]}"


def _plural(name: str) -> str:
    return "patients or slides" if name == "patient or slide" else f"{name}s"


def given_counts(found: Survey) -> dict[str, int]:
    """Return the readable images of each side of the given split; empty where none is given."""
    counts = Counter(image.found.split for image in found.images)
    return {split: counts[split] for split in SPLITS if counts[split]} if sum(split in counts for split in SPLITS) > 1 else {}


def given_leaks(found: Survey) -> Leaks | None:
    """Look for what lies on two sides of the given split; None if nothing does or none is given."""
    if not given_counts(found):
        return None
    sides = [image.found.split or _TRAIN for image in found.images]
    sources = [image.found.source for image in found.images]
    examples: list[tuple[str, str]] = []

    def across(sets: list[list[int]]) -> int:
        """Count the sets of rows that lie on two sides."""
        count = 0
        for rows in sets:
            other = next((row for row in rows if sides[row] != sides[rows[0]]), None)
            if other is not None:
                count += 1
                examples.append((sources[rows[0]], sources[other]))
        return count

    patients: dict[str, list[int]] = {}
    groups: dict[str, list[int]] = {}
    for row, image in enumerate(found.images):
        groups.setdefault(found.groups[row], []).append(row)
        if image.found.group:
            patients.setdefault(image.found.group, []).append(row)
    kept = [[found.kept[one], found.kept[other]] for one, other in found.kept_pairs.tolist()]
    pictures, pairs, people, all_groups = across(found.copies), across(kept), across([*patients.values()]), across([*groups.values()])
    return Leaks(pictures, pairs, people, all_groups, tuple(dict.fromkeys(examples))) if all_groups else None


def given_splits(found: Survey, groups: list[str], ids: list[str], *, recipe: Recipe, memory: Memory, leak: bool = False) -> Split | None:
    """Return the given split of each kept row, completed; None if none is given or the recipe wants none.

    Args:
        found: the survey of the source.
        groups: group of each kept row.
        ids: content id of each kept row.
        recipe: says whether to keep a given split, and the shares of what is missing.
        memory: of what was taken out of train before.
        leak: keep it although its sides share something. Then nothing is remembered.

    Raises:
        RefusedError: if its sides share something.
        InputError: if it cannot be completed so that every class lies in every split, or the recipe wants folds.
    """
    if not recipe.given_split or not given_counts(found):
        return None
    names = ", ".join(given_counts(found))
    if recipe.folds:
        raise InputError(f"folds divide everything anew, but the source comes with {names}; add {ANEW}, or leave out folds")
    leaks = given_leaks(found)
    if leaks is not None and not leak:
        _tell(leaks)
        raise RefusedError(
            f"the given {names} folders must share nothing, but {leaks}; split anew with {ANEW}, "
            "or add --allow-leakage to reproduce a published figure"
        )
    splits = [found.images[row].found.split or _TRAIN for row in found.kept]
    labels = [found.images[row].found.label for row in found.kept]
    if _TRAIN not in splits:
        raise InputError(f"a given split must have a train side, but there is only {', '.join(sorted(set(splits)))}; add {ANEW}")
    memo: tuple[tuple[str, list[str]], ...] = ()
    missing = next((side for side in (_VALIDATION, _TEST) if side not in splits), None)
    if missing is not None:
        share = recipe.validation if missing == _VALIDATION else recipe.test
        protocol = f"given-{missing}-{share:g}-seed-{recipe.split_seed}"
        before = [""] * len(ids) if leak else memory.recall(protocol, ids)
        splits = _take(splits, labels, groups, side=missing, share=share, seed=recipe.split_seed, before=before)
        memo = () if leak else ((protocol, splits),)
    for split in SPLITS:
        lacking = sorted(set(labels) - {label for label, each in zip(labels, splits, strict=True) if each == split})
        if lacking:
            raise InputError(f"each class must lie in every split, but the given {split} has no {lacking[0]!r}; add images of it or {ANEW}")
    return Split(splits, memo=memo)


def _tell(leaks: Leaks) -> None:
    """List what lies on two sides, so that somebody can look at it."""
    for one, other in leaks.examples[:LISTED]:
        logger.warning("on two sides: %s and %s", one, other)
    if len(leaks.examples) > LISTED:
        logger.warning("and %d more pairs", len(leaks.examples) - LISTED)


def _take(splits: list[str], labels: list[str], groups: list[str], *, side: str, share: float, seed: int, before: list[str]) -> list[str]:
    """Return the splits with a share of all images moved from train to the missing side, by group and stratified."""
    given = _TEST if side == _VALIDATION else _VALIDATION
    as_fold = {_TRAIN: _TRAIN, given: _TEST, side: _VALIDATION, "": ""}  # the given side takes the place of the fold that is held out
    back = {fold: name for name, fold in as_fold.items()}
    held_out = [split == given for split in splits]
    drawn = assign_fold_splits(labels, groups, held_out, validation=share, seed=seed, before=[as_fold[each] for each in before])
    return [back[each] for each in drawn]
