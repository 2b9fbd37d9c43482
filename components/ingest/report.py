"""`report.html`: what is in a source or data set and what was left out, readable by anybody, without a network."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from components.domain.artifacts import SPLITS
from components.domain.certificate import Certificate, Excluded
from components.ingest.inspect import Inspection, Member
from components.ingest.page import bars, cards, escape, page, picture, section, table
from components.ingest.tallies import spread_in_words

REPORT_FILE = "report.html"
GROUPS_SHOWN = 16
MEMBERS_SHOWN = 4
FILES_SHOWN = 200


@dataclass(frozen=True)
class SplitCounts:
    """How a split came out: images of each (split, class), and groups of each split."""

    images: dict[tuple[str, str], int]
    groups: dict[str, int]

    @classmethod
    def of(cls, labels: list[str], groups: list[str], splits: list[str]) -> "SplitCounts":
        """Count the rows of a data set."""
        units = set(zip(splits, groups, strict=True))
        return cls(dict(Counter(zip(splits, labels, strict=True))), dict(Counter(split for split, _ in units)))


def render(seen: Inspection, *, certificate: Certificate | None = None, splits: SplitCounts | None = None) -> str:
    """Return the page.

    Args:
        seen: what is in the source; pictures are read from it.
        certificate: of the data set made of it, if one was.
        splits: how that was split.
    """
    name = Path(seen.source).name
    leak = f"{seen.random_split_leak if certificate is None else certificate.random_split_leak:.1%}"
    numbers = {
        "images": f"{seen.kept:,}",
        "classes": str(len(seen.classes)),
        "patients or slides": f"{seen.patients:,}" if seen.patients else "none",
        "groups to split by": f"{seen.groups:,}",
        "near-duplicate pairs": f"{seen.near_duplicate_pairs:,}",
        "leak of a random split by look-alikes": leak,
    }
    if seen.patients:
        numbers["leak of a random split by patient or slide"] = f"{seen.random_split_patients:.1%}"
    if seen.masks:
        blank = sum(seen.blank_masks.values())
        numbers["with lesion masks" + (f", {blank:,} of them blank" if blank else "")] = f"{seen.masks:,}"
    if certificate:
        numbers["pairs across our splits"] = str(certificate.edges_across_splits)
        if certificate.moved:
            numbers["images that changed side"] = str(certificate.moved)
    body = [
        f'<h1>{escape(name)}</h1><p class="soft">{escape(seen.layout)} · <code>{escape(seen.source)}</code></p>',
        cards(numbers),
        section("Findings", "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in seen.findings) + "</ul>" if seen.findings else ""),
        _classes(seen, splits, leaking=certificate is not None and certificate.leaking),
        *(_slice(seen, name) for name in seen.slices),
        _patients(seen),
        section("Sizes in pixels", bars(seen.sizes)),
        section("Pixel modes of the files", bars(seen.modes)),
        section(
            "One picture, several labels",
            _groups(seen, seen.label_conflicts),
            note="Equal pixels. Nobody knows which label is right, so all of them are left out.",
        ),
        _look_alikes(seen),
        _left_out(seen, certificate),
    ]
    if certificate:
        body.append(
            f"<footer><p>Data set <code>{certificate.dataset}</code></p><p>Certificate <code>{certificate.digest}</code></p></footer>"
        )
    return page(f"{name}: images and splits" if certificate else f"{name}: what is in it", [part for part in body if part])


def _classes(seen: Inspection, splits: SplitCounts | None, *, leaking: bool) -> str:
    if splits is None:
        rows = [(label, count, seen.class_groups.get(label, 0)) for label, count in seen.classes.items()]
        return section("Classes", table(("class", "images", "groups"), rows))
    lines = [(split, *(splits.images.get((split, label), 0) for label in seen.classes), splits.groups.get(split, 0)) for split in SPLITS]
    total = ("all", *seen.classes.values(), seen.groups)
    return section(
        "Classes and splits",
        table(("split", *seen.classes, "groups"), [*lines, total]),
        note="LEAKING on purpose: groups (patients, slides or look-alikes) lie in two splits; no model of it can become champion."
        if leaking
        else "No group (patient, slide or cluster of look-alikes) lies in two splits.",
    )


def _slice(seen: Inspection, name: str) -> str:
    """Count what each value of a slice holds."""
    rows = [
        (value, each.images, *(each.classes.get(label, 0) for label in seen.classes), each.groups)
        for value, each in seen.slices[name].items()
    ]
    return section(f"By {name}", table((name, "images", *seen.classes, "groups"), rows))


def _patients(seen: Inspection) -> str:
    if not seen.patient_images:
        return ""
    lines = table(("patient or slide", "images"), list(seen.patient_images.items())[:FILES_SHOWN])
    more = len(seen.patient_images) - FILES_SHOWN
    rest = f'<p class="soft">and {more:,} more</p>' if more > 0 else ""
    return section(
        "Patients or slides", f"<details><summary>{escape(spread_in_words(seen.patient_images))}</summary>{lines}{rest}</details>"
    )


def _look_alikes(seen: Inspection) -> str:
    """Show groups of near duplicates, those under two labels first."""
    ordered = sorted(seen.near_duplicate_groups, key=lambda group: len({each.label for each in group}) == 1)
    more = len(ordered) - GROUPS_SHOWN
    rest = f'<p class="soft">and {more:,} more groups</p>' if more > 0 else ""
    return section(
        "Look-alikes",
        _groups(seen, ordered) + rest if ordered else "",
        note=f"Found by {seen.method}. They stay on one side of the split; an outlined group lies under two labels.",
    )


def _groups(seen: Inspection, groups: list[list[Member]]) -> str:
    parts = []
    for group in groups[:GROUPS_SHOWN]:
        figures = "".join(picture(Path(seen.folder, each.source), f"{each.label}: {each.source}") for each in group[:MEMBERS_SHOWN])
        more = len(group) - MEMBERS_SHOWN
        rest = f'<p class="soft">and {more:,} more</p>' if more > 0 else ""
        crossing = " crossing" if len({each.label for each in group}) > 1 else ""
        parts.append(f'<div class="group{crossing}">{figures}{rest}</div>')
    return '<div class="pictures">' + "".join(parts) + "</div>" if parts else ""


def _left_out(seen: Inspection, certificate: Certificate | None) -> str:
    excluded = certificate.excluded if certificate else [*seen.unreadable, *seen.misfits]
    parts = [_files("image files left out", excluded), _files("other files", seen.skipped)]
    return section("Left out", *parts)


def _files(what: str, files: list[Excluded]) -> str:
    if not files:
        return ""
    lines = table(("file", "reason"), [(each.source, each.reason) for each in files[:FILES_SHOWN]])
    more = len(files) - FILES_SHOWN
    rest = f'<p class="soft">and {more:,} more</p>' if more > 0 else ""
    return f"<details open><summary>{len(files):,} {what}</summary>{lines}{rest}</details>"
