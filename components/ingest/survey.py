"""What is true of a source before anybody splits it: which images repeat, which contradict each other, which belong together."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from components.domain.certificate import Excluded
from components.ingest.duplicates import Pairs, near_duplicates
from components.ingest.groups import join_groups
from components.ingest.layouts import Listing
from components.ingest.layouts.layout import Found
from components.ingest.look import Storage
from components.ingest.scan import Finished, Scanned, scan


@dataclass(frozen=True)
class Survey:
    """A source after every image was looked at. Rows are indices into `images`.

    Attributes:
        listing: the files.
        images: the readable images.
        unreadable: the others, with the reason.
        copies: rows of equal pixels under one label, the kept one first.
        conflicts: rows of equal pixels under several labels; nobody knows which is right, so none is kept.
        kept: rows that a data set is made of, each picture once.
        pairs: near duplicates among all rows.
        groups: group of each row, patients and near duplicates united (`join_groups`), copies included.
    """

    listing: Listing
    images: list[Scanned]
    unreadable: list[Excluded]
    copies: list[list[int]]
    conflicts: list[list[int]]
    kept: list[int]
    pairs: Pairs
    groups: list[str]

    @property
    def kept_pairs(self) -> Pairs:
        """Near duplicates among the kept rows, as places in `kept`."""
        place = np.full(len(self.images), -1, dtype=np.int64)
        place[self.kept] = np.arange(len(self.kept))
        pairs: Pairs = place[self.pairs]
        return pairs[(pairs >= 0).all(axis=1)]

    def excluded(self) -> list[Excluded]:
        """Every image file that is not kept, with the reason, sorted by source."""
        excluded = [*self.unreadable, *self.listing.misfits]
        for rows in self.copies:
            first = self.images[rows[0]].found.source
            excluded += [Excluded(self.images[row].found.source, f"same picture as {first}") for row in rows[1:]]
        for rows in self.conflicts:
            for row in rows:
                mine = self.images[row].found
                other = next(each for each in self._found(rows) if each.label != mine.label)
                excluded.append(Excluded(mine.source, f"same picture as {other.source}, which is labelled {other.label}"))
        return sorted(excluded, key=lambda each: each.source)

    def conflict_pairs(self) -> list[tuple[str, str]]:
        """Sources of the same picture under two labels: one pair for each two labels of a conflict."""
        pairs = []
        for rows in self.conflicts:
            first: dict[str, str] = {}
            for found in self._found(rows):
                first.setdefault(found.label, found.source)
            sources = list(first.values())
            pairs += [(one, other) for place, one in enumerate(sources) for other in sources[place + 1 :]]
        return pairs

    def crossing_pairs(self) -> list[tuple[str, str]]:
        """Sources of kept near duplicates under two labels."""
        found = [self.images[row].found for row in self.kept]
        pairs = ((found[one], found[other]) for one, other in self.kept_pairs.tolist())
        return [(one.source, other.source) for one, other in pairs if one.label != other.label]

    def _found(self, rows: Iterable[int]) -> Iterable[Found]:
        return (self.images[row].found for row in rows)


def survey(listing: Listing, storage: Storage | None = None, *, finished: Finished | None = None) -> Survey:
    """Look at every image of a listing.

    Args:
        listing: what to look at.
        storage: where pixels of image i of the listing go, at index i; None only looks.
        finished: chunks of an earlier, interrupted try (`scan`).

    Raises:
        InputError: if almost everything is a near duplicate of everything (`near_duplicates`).
    """
    images, unreadable = scan(listing.images, storage, finished=finished)
    return sum_up(listing, images, unreadable)


def sum_up(listing: Listing, images: list[Scanned], unreadable: list[Excluded]) -> Survey:
    """Find what repeats, contradicts and belongs together among images that were looked at.

    Args:
        listing: the files.
        images: the readable images, in the order of the listing.
        unreadable: the others.

    Raises:
        InputError: if almost everything is a near duplicate of everything (`near_duplicates`).
    """
    same: dict[str, list[int]] = {}
    for row, image in enumerate(images):
        same.setdefault(image.id, []).append(row)
    labels = {key: {images[row].found.label for row in rows} for key, rows in same.items()}
    copies = [rows for key, rows in same.items() if len(rows) > 1 and len(labels[key]) == 1]
    conflicts = [rows for key, rows in same.items() if len(labels[key]) > 1]
    kept = sorted(rows[0] for key, rows in same.items() if len(labels[key]) == 1)
    pairs = near_duplicates([image.hash for image in images])
    groups = join_groups([image.found.group for image in images], [image.id for image in images], pairs)
    return Survey(listing, images, unreadable, copies, conflicts, kept, pairs, groups)
