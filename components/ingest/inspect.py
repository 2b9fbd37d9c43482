"""What a source holds, and what about it would mislead a model or a test: the answer of `lobule data inspect`."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from components.domain.artifacts import SPLITS
from components.domain.certificate import Excluded
from components.ingest.duplicates import METHOD, clusters, members, random_split_leak
from components.ingest.given import given_counts, given_leaks
from components.ingest.layouts import list_images
from components.ingest.oddities import blank_masks, odd_findings
from components.ingest.source import open_source, origin
from components.ingest.survey import Survey, survey
from components.ingest.tallies import SITES, Tally, count_slices, patient_images, patient_leak, slice_values

SHORTCUT_IMAGES = 10
SHORTCUT_GAIN = 0.1


@dataclass(frozen=True)
class Member:
    """One image of a group of look-alikes."""

    source: str
    label: str


@dataclass(frozen=True)
class Inspection:
    """What is in a source. Counts of near duplicates, groups, sizes and modes are over distinct pictures (`kept`).

    Attributes:
        source: what was named, as found from anywhere.
        folder: where the images lie; that of the source, or in the cache.
        layout: how it is laid out.
        images: readable images; kept: those left without copies and conflicts.
        classes: kept images of each class.
        patients: patients or slides that the layout names, 0 if it names none.
        patient_images: images of each of them, most first.
        slices: what else the source knows of its images (magnification, subtype, site, ...): counts by name and value.
        groups: units of splitting: patients, slides and near-duplicate clusters united.
        class_groups: how many of them hold each class.
        given_splits: readable images of each side of a split that the source comes with; empty if it comes with none.
        masks: images with a lesion mask.
        blank_masks: images of each class whose mask marks nothing.
        sizes, modes: images of each `<width>x<height>` and each Pillow mode, most frequent first.
        unreadable, misfits, skipped: files left out, with the reason.
        exact_duplicates: sources of equal pixels under one label.
        label_conflicts: equal pixels under several labels.
        method: how near duplicates were found.
        near_duplicate_pairs, near_duplicate_images: counts.
        near_duplicate_groups: clusters of look-alikes, largest first.
        crossing_pairs: look-alikes under two labels, as pairs of sources.
        random_split_leak: share of test images with a look-alike in train, had 20 % of all readable images been drawn by image.
        random_split_patients: share of test images whose patient or slide also trains, had that been done (`patient_leak`).
        findings: what somebody should know before training, one sentence each.
    """

    source: str
    folder: str
    layout: str
    images: int
    kept: int
    classes: dict[str, int]
    patients: int
    patient_images: dict[str, int]
    slices: dict[str, dict[str, Tally]]
    groups: int
    class_groups: dict[str, int]
    given_splits: dict[str, int]
    masks: int
    blank_masks: dict[str, int]
    sizes: dict[str, int]
    modes: dict[str, int]
    unreadable: list[Excluded]
    misfits: list[Excluded]
    skipped: list[Excluded]
    exact_duplicates: list[list[str]]
    label_conflicts: list[list[Member]]
    method: str
    near_duplicate_pairs: int
    near_duplicate_images: int
    near_duplicate_groups: list[list[Member]]
    crossing_pairs: list[tuple[str, str]]
    random_split_leak: float
    random_split_patients: float
    findings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return asdict(self)


def inspect_source(source: str, *, cache: Path) -> Inspection:
    """Look at a source without writing a data set.

    Args:
        source: see `components.ingest.source.open_source`.
        cache: where samples are kept.

    Raises:
        InputError: if there is no such source, it holds no image, or no layout fits.
    """
    root = open_source(source, cache=cache)
    return inspect_survey(survey(list_images(root)), root)


def inspect_survey(found: Survey, root: Path) -> Inspection:
    """Sum up a survey of the folder `root`."""
    kept = [found.images[row] for row in found.kept]
    groups = [found.groups[row] for row in found.kept]
    look_alike = members(clusters(found.kept_pairs, len(kept)))
    labels = [image.found.label for image in kept]
    sizes = [f"{image.width}x{image.height}" for image in kept]
    modes = [image.mode for image in kept]
    places = [image.found for image in kept]
    patients = patient_images(places)
    holding = {(label, group) for label, group in zip(labels, groups, strict=True)}
    result = Inspection(
        source=origin(root),
        folder=str(root.parent if root.is_file() else root),
        layout=found.listing.layout,
        images=len(found.images),
        kept=len(kept),
        classes=dict(sorted(Counter(labels).items())),
        patients=len(patients),
        patient_images=patients,
        slices=count_slices(places, groups),
        groups=len(set(groups)),
        class_groups=dict(sorted(Counter(label for label, _ in holding).items())),
        given_splits=given_counts(found),
        masks=sum(bool(image.found.masks) for image in kept),
        blank_masks=blank_masks(kept),
        sizes=dict(Counter(sizes).most_common()),
        modes=dict(Counter(modes).most_common()),
        unreadable=found.unreadable,
        misfits=found.listing.misfits,
        skipped=found.listing.skipped,
        exact_duplicates=[[found.images[row].found.source for row in rows] for rows in found.copies],
        label_conflicts=[
            [Member(found.images[row].found.source, found.images[row].found.label) for row in rows] for rows in found.conflicts
        ],
        method=METHOD,
        near_duplicate_pairs=len(found.kept_pairs),
        near_duplicate_images=sum(len(rows) for rows in look_alike),
        near_duplicate_groups=[[Member(kept[row].found.source, labels[row]) for row in rows] for rows in look_alike],
        crossing_pairs=found.crossing_pairs(),
        random_split_leak=random_split_leak(found.pairs, len(found.images)),
        random_split_patients=patient_leak(patients, len(kept)),
    )
    result.findings.extend(_findings(result))
    result.findings.extend(odd_findings(kept))
    leaks = given_leaks(found)
    if leaks is not None:
        result.findings.append(f"the given {', '.join(result.given_splits)} folders share something: {leaks}")
    technical = {f"image {what}": values for what, values in (("size", sizes), ("mode", modes))}
    sites = {name: values for name, values in slice_values(places).items() if name in SITES}
    for what, values in {**technical, **sites}.items():
        result.findings.extend(_shortcut(what, values, labels))
    return result


def _findings(seen: Inspection) -> list[str]:
    """Put into words what is wrong or dangerous."""
    found = []
    if len(seen.classes) < 2:
        found.append(
            f"{len(seen.classes)} class is there, a classifier needs two or more ({', '.join(seen.classes) or 'no readable image'})"
        )
    found += [
        f"class {label} lies in {_many(count, 'group')}, too few for train, validation and test"
        for label, count in seen.class_groups.items()
        if count < len(SPLITS)
    ]
    if seen.unreadable:
        first = seen.unreadable[0]
        found.append(f"{_many(len(seen.unreadable), 'image file')} cannot be used, such as {first.source}: {first.reason}")
    if seen.misfits:
        found.append(f"{_many(len(seen.misfits), 'image file')} outside the layout ({seen.layout}), such as {seen.misfits[0].source}")
    if seen.exact_duplicates:
        count = sum(len(group) - 1 for group in seen.exact_duplicates)
        found.append(f"{_many(count, 'image file')} with exactly the pixels of another, such as {' = '.join(seen.exact_duplicates[0][:2])}")
    found += [
        f"one picture under {len({each.label for each in group})} labels: {' = '.join(each.source for each in group[:4])}"
        for group in seen.label_conflicts
    ]
    if seen.near_duplicate_pairs:
        found.append(
            f"{_many(seen.near_duplicate_pairs, 'near-duplicate pair')} in {_many(len(seen.near_duplicate_groups), 'group')} cover "
            f"{seen.near_duplicate_images} of {seen.kept} images ({seen.near_duplicate_images / seen.kept:.1%})"
        )
    if seen.crossing_pairs:
        found.append(f"of these pairs, {len(seen.crossing_pairs)} under two labels, such as {' and '.join(seen.crossing_pairs[0])}")
    if seen.random_split_leak:
        found.append(f"a random split by image would show {seen.random_split_leak:.1%} of the test images to the model in training")
    return found


def _shortcut(what: str, values: list[str], labels: list[str]) -> list[str]:
    """Tell when a technical property or a site alone gives the class away, over values that enough images share."""
    counts: dict[str, Counter[str]] = {}
    for value, label in zip(values, labels, strict=True):
        counts.setdefault(value, Counter())[label] += 1
    common = [each for each in counts.values() if each.total() >= SHORTCUT_IMAGES]
    total = sum(each.total() for each in common)
    if not total:
        return []
    told = sum(max(each.values()) for each in common) / total
    guessed = max(sum(common, Counter()).values()) / total
    if told < guessed + SHORTCUT_GAIN:
        return []
    return [f"the {what} alone tells the class of {told:.0%} of the images (always the most frequent class: {guessed:.0%})"]


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
