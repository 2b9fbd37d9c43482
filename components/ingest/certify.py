"""The certificate of a split: what was checked, counted anew from the rows that are written."""

from collections import Counter

import numpy as np
import numpy.typing as npt

from components.domain.artifacts import SPLITS
from components.domain.certificate import Certificate, pixels_digest, rows_digest
from components.ingest.duplicates import METHOD, clusters, members, random_split_leak
from components.ingest.oddities import blank_masks
from components.ingest.perceptual import FEATURELESS
from components.ingest.survey import Survey


def certify(
    found: Survey,
    groups: list[str],
    splits: list[str],
    *,
    pixels: npt.NDArray[np.uint8],
    share: float,
    moved: int = 0,
    leaking: bool = False,
) -> Certificate:
    """Count what the certificate states from the assignment as it is, not as it was meant.

    Args:
        found: the survey of the source.
        groups: group of each kept row.
        splits: split of each kept row.
        pixels: of each kept row as stored, uint8 [n, H, W, 3].
        share: of the images that the random split, whose leak is estimated, puts on the test side.
        moved: images that changed side since an earlier data set.
        leaking: the protocol leaks, on purpose.
    """
    ids = [found.images[row].id for row in found.kept]
    labels = [found.images[row].found.label for row in found.kept]
    rows = list(zip(ids, labels, groups, splits, strict=True))
    side = np.array([SPLITS.index(split) for split in splits])
    pairs = found.kept_pairs
    look_alike = members(clusters(pairs, len(ids)))
    kept = [found.images[row] for row in found.kept]
    by_area = sorted((image.width * image.height, image.width, image.height) for image in kept)
    sides_of: dict[str, set[str]] = {}
    for group, split in zip(groups, splits, strict=True):
        sides_of.setdefault(group, set()).add(split)
    return Certificate(
        dataset=rows_digest(rows),
        splits={split: rows_digest(row for row in rows if row[3] == split) for split in SPLITS},
        images=len(rows),
        groups=len(sides_of),
        classes=dict(sorted(Counter(labels).items())),
        split_images={split: splits.count(split) for split in SPLITS},
        method=METHOD,
        near_duplicate_pairs=len(pairs),
        near_duplicate_groups=len(look_alike),
        near_duplicate_images=sum(len(cluster) for cluster in look_alike),
        edges_across_splits=int((side[pairs[:, 0]] != side[pairs[:, 1]]).sum()),
        groups_across_splits=sum(len(sides) > 1 for sides in sides_of.values()),
        label_conflicts=[list(pair) for pair in [*found.conflict_pairs(), *found.crossing_pairs()]],
        random_split_leak=random_split_leak(found.pairs, len(found.images), share=share),
        excluded=found.excluded(),
        pixels={name: pixels_digest((ids[row], pixels[row]) for row, split in enumerate(splits) if split == name) for name in SPLITS},
        near_duplicate_sizes={str(size): count for size, count in sorted(Counter(map(len, look_alike)).items())},
        blank_masks=blank_masks(kept),
        even_images=sum(image.hash == FEATURELESS for image in kept),
        smallest=list(by_area[0][1:]),
        largest=list(by_area[-1][1:]),
        leaking=leaking,
        moved=moved,
    )
