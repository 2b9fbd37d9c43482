"""What `lobule data inspect` prints: tables for people."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from components.ingest.inspect import Inspection

NAMED = 20
"""So many files that were left out are named; `--json` lists all."""
PATIENTS = 3
"""So many patients are named, those with most images."""


def show(seen: "Inspection", page: Path | None) -> None:
    """Print what was seen, and where the page lies if one was written."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"[bold]{escape(seen.source)}[/bold]", soft_wrap=True)
    patients = f"{seen.patients} patients or slides" if seen.patients else "patients unknown"
    console.print(
        f"layout {seen.layout}; {seen.images} readable images, {seen.kept} of them distinct; {patients}; {seen.groups} groups\n",
        soft_wrap=True,
    )
    classes = Table("class", box=None, pad_edge=False, header_style="bold")
    for name in ("images", "share", "groups"):
        classes.add_column(name, justify="right")
    for label, count in seen.classes.items():
        classes.add_row(escape(label), str(count), f"{count / seen.kept:.1%}", str(seen.class_groups[label]))
    console.print(classes)
    console.print()
    for name in seen.slices:
        console.print(_slice(seen, name))
        console.print()
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="bold")
    facts.add_column()
    if seen.patients:
        facts.add_row("patients or slides", _patients(seen))
    facts.add_row("sizes", _counts(seen.sizes))
    facts.add_row("modes", _counts(seen.modes))
    if seen.given_splits:
        facts.add_row("given split", ", ".join(f"{count} {split}" for split, count in seen.given_splits.items()))
    blank = ", ".join(f"{count} {escape(label)}" for label, count in seen.blank_masks.items())
    facts.add_row("with masks", f"{seen.masks}" + (f", of which blank: {blank}" if blank else ""))
    facts.add_row("left out", f"{len(seen.unreadable)} unreadable, {len(seen.misfits)} outside the layout, {len(seen.skipped)} no images")
    copies = sum(len(group) - 1 for group in seen.exact_duplicates)
    facts.add_row("exact duplicates", f"{copies}, and {len(seen.label_conflicts)} under several labels")
    groups = len(seen.near_duplicate_groups)
    facts.add_row(
        "near duplicates", f"{seen.near_duplicate_pairs} pairs in {groups} groups, {len(seen.crossing_pairs)} pairs across classes"
    )
    facts.add_row("random split", f"would leak {seen.random_split_leak:.1%} of test images by a near duplicate (200 draws of 20 %)")
    if seen.patients:
        facts.add_row("", f"and {seen.random_split_patients:.1%} by a patient or slide that trains, too")
    console.print(facts)
    console.print()
    if seen.findings:
        console.print(f"[bold yellow]{len(seen.findings)} findings[/bold yellow]")
        for each in seen.findings:
            console.print(f"  - {escape(each)}", soft_wrap=True)
    else:
        console.print("[green]no findings[/green]")
    _left_out(console, seen)
    if page is not None:
        console.print(f"page: {page}", markup=False, soft_wrap=True)


def _left_out(console: "Console", seen: "Inspection") -> None:
    """Name the first files that were left out."""
    from rich.markup import escape

    left_out = [*seen.unreadable, *seen.misfits, *seen.skipped]
    if left_out:
        console.print("\n[bold]left out[/bold]")
    for file in left_out[:NAMED]:
        console.print(f"  - {escape(file.source)}: {escape(file.reason)}", soft_wrap=True)
    if len(left_out) > NAMED:
        console.print(f"  and {len(left_out) - NAMED} more; --json lists all")


def _slice(seen: "Inspection", name: str) -> "Table":
    """Return the counts of each value of a slice."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(escape(name), box=None, pad_edge=False, header_style="bold")
    for column in ("images", *map(escape, seen.classes), "groups"):
        table.add_column(column, justify="right")
    for value, each in seen.slices[name].items():
        table.add_row(escape(value), str(each.images), *(str(each.classes.get(label, 0)) for label in seen.classes), str(each.groups))
    return table


def _patients(seen: "Inspection") -> str:
    from rich.markup import escape

    from components.ingest.tallies import spread_in_words

    most = ", ".join(f"{escape(name)} ({count})" for name, count in list(seen.patient_images.items())[:PATIENTS])
    return f"{spread_in_words(seen.patient_images)}; most: {most}"


def _counts(counts: dict[str, int], most: int = 4) -> str:
    text = ", ".join(f"{name} ({count})" for name, count in list(counts.items())[:most])
    rest = len(counts) - most
    return text + (f", {rest} other{'s' * (rest > 1)}" if rest > 0 else "")
