"""Counts over what a layout knows of its images: patients or slides, and slices such as magnification, subtype, site or place."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from components.domain.slicing import UNKNOWN, gather, ordered
from components.ingest.layouts.layout import Found

TEST_SHARE = 0.2
SITES = ("site", "source")
"""Slices that say where an image comes from; the first that is known counts."""


@dataclass(frozen=True)
class Tally:
    """What one value of a slice holds: images, groups of the split, and images of each class."""

    images: int
    groups: int
    classes: dict[str, int]


def slice_values(images: Sequence[Found]) -> dict[str, list[str]]:
    """Return the value of every slice for every image, `UNKNOWN` where the source does not say it."""
    known = [dict(image.slices) for image in images]
    return {name: [each.get(name) or UNKNOWN for each in known] for name in sorted({name for each in known for name in each})}


def count_slices(images: Sequence[Found], groups: Sequence[str]) -> dict[str, dict[str, Tally]]:
    """Count images, groups and classes of each value of each slice; many values are taken together as in the evaluation (`gather`).

    Args:
        images: N images.
        groups: the unit of splitting of each, length N.

    Returns:
        By slice and value, numbers in their order, words in that of the alphabet.
    """
    counted: dict[str, dict[str, Tally]] = {}
    for name, values in slice_values(images).items():
        rows: dict[str, list[int]] = {}
        for row, value in enumerate(gather(values)):
            rows.setdefault(value, []).append(row)
        counted[name] = {
            value: Tally(
                len(rows[value]),
                len({groups[row] for row in rows[value]}),
                dict(sorted(Counter(images[row].label for row in rows[value]).items())),
            )
            for value in ordered(set(rows))
        }
    return counted


def patient_images(images: Sequence[Found]) -> dict[str, int]:
    """Count the images of each patient or slide that the layout names, most first."""
    counts = Counter(image.group for image in images if image.group)
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def spread_in_words(patients: dict[str, int]) -> str:
    """Say how many patients or slides there are and how many images each has; there must be one.

    >>> spread_in_words({"a": 4, "b": 1, "c": 1})
    '3, each with 1 to 4 images (median 1)'
    """
    return (
        f"{len(patients):,}, each with {min(patients.values())} to {max(patients.values())} images (median {median(patients.values()):g})"
    )


def patient_leak(patients: dict[str, int], images: int, *, share: float = TEST_SHARE) -> float:
    """Return the share of test images whose patient also trains, had `share` of all images been drawn at random for the test.

    It is exact: an image of a patient with s of n images is drawn among t test images; none of the s - 1 others trains with the
    chance that all of them are among the t - 1 other places of the test, of n - 1.

    Args:
        patients: images of each patient (`patient_images`).
        images: n, those of no known patient included.
        share: t / n.

    >>> round(patient_leak({"a": 2, "b": 1, "c": 1}, 4, share=0.5), 3)  # half of all; one of the other three places tests
    0.333
    """
    test = round(share * images)
    if not 0 < test < images:
        return 0.0
    leaking = 0.0
    for count in patients.values():
        together = 1.0
        for other in range(min(count - 1, test)):
            together *= (test - 1 - other) / (images - 1 - other)
        leaking += count * (1 - together)
    return leaking / images
