"""`lobule data`: what is in a source, and sample sources."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.domain import settings

if TYPE_CHECKING:
    from components.ingest.inspect import Inspection

NAMED = 20
"""So many files that were left out are named; `--json` lists all."""
FINDINGS = 3
"""Exit code when there is something to know before training."""
KINDS = ("histology", "ultrasound", "idc")


@click.group("data")
def command() -> None:
    """Look into image folders before anything is trained; write sample data.

    \b
    Examples:
      lobule data inspect ~/BUSI --html busi.html
      lobule data inspect sample:histology
      lobule data sample samples/us --kind ultrasound --images 200
    """


@command.command("inspect")
@click.argument("source")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of the tables.")
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Also write a page with pictures of the look-alikes.")
def inspect(source: str, as_json: bool, page: Path | None) -> int:
    """Say what is in SOURCE: a folder, archive, manifest or bucket of images, or sample:KIND.

    SOURCE is a folder, a .zip or .tar.* file, a table (.csv, .parquet) with the columns path and label, s3://bucket/prefix,
    kaggle:owner/dataset (or kaggle:idc, kaggle:busi), or sample:KIND (histology, ultrasound, idc).
    Counts classes, patients, sizes and modes; finds unreadable files, exact and near duplicates, pictures under two labels,
    and estimates what a random split by image would leak. Nothing is written but the page. Layouts are recognised:
    a manifest, a folder per class (also in train, val, test folders), BUSI, BreakHis and IDC.

    \b
    Exit code: 0 nothing to worry about, 3 findings, 2 not a usable source.

    \b
    Examples:
      lobule data inspect ~/Dataset_BUSI_with_GT
      lobule data inspect BUSI.zip
      lobule data inspect s3://studies/busi
      lobule data inspect kaggle:busi
      lobule data inspect ~/BreaKHis_v1 --json | jq .findings
    """
    from components.ingest.inspect import inspect_source

    logging.getLogger("components").setLevel(logging.INFO)  # progress, on standard error
    seen = inspect_source(source, cache=settings.home() / "cache")
    if page is not None:
        _write_page(seen, page)
    if as_json:
        click.echo(json.dumps(seen.to_dict(), indent=2))
    else:
        _show(seen, page)
    return FINDINGS if seen.findings else 0


@command.command("sample")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--kind", type=click.Choice(KINDS), default="histology", show_default=True, help="What is pictured, and the layout.")
@click.option("--images", type=click.IntRange(min=1), default=600, show_default=True, help="How many images.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same files.")
def sample(directory: Path, kind: str, images: int, seed: int) -> int:
    """Write a procedural sample data set into DIRECTORY, laid out as real ones are.

    Labels can be learnt but not perfectly; patients, a few near duplicates, a picture under two labels and broken files are planted,
    so that `lobule data inspect` has something to find. No image of a person is in it.

    \b
    Examples:
      lobule data sample samples/tissue
      lobule data sample samples/us --kind ultrasound --images 200 --seed 7
    """
    from rich.console import Console

    from components.ingest.sample import write_sample

    summary = write_sample(directory, kind, images=images, seed=seed)
    classes = ", ".join(f"{count} {label}" for label, count in summary.classes.items())
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{summary.files} files in {directory}: {classes}; planted: {summary.duplicates} duplicates, {summary.broken} broken files"
    )
    console.print(f"next: lobule data inspect {directory}", style="dim", markup=False)
    return 0


def _write_page(seen: "Inspection", file: Path) -> None:
    from components.domain.errors import InputError
    from components.ingest.report import render

    try:
        file.write_text(render(seen), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--html must name a file that can be written, but got {file} ({error.strerror}); name another one") from None


def _show(seen: "Inspection", page: Path | None) -> None:
    """Print tables for people."""
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
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="bold")
    facts.add_column()
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
    facts.add_row("random split", f"would leak {seen.random_split_leak:.1%} of test images (200 draws of 20 %)")
    console.print(facts)
    console.print()
    if seen.findings:
        console.print(f"[bold yellow]{len(seen.findings)} findings[/bold yellow]")
        for each in seen.findings:
            console.print(f"  - {escape(each)}", soft_wrap=True)
    else:
        console.print("[green]no findings[/green]")
    left_out = [*seen.unreadable, *seen.misfits, *seen.skipped]
    if left_out:
        console.print("\n[bold]left out[/bold]")
    for file in left_out[:NAMED]:
        console.print(f"  - {escape(file.source)}: {escape(file.reason)}", soft_wrap=True)
    if len(left_out) > NAMED:
        console.print(f"  and {len(left_out) - NAMED} more; --json lists all")
    if page is not None:
        console.print(f"page: {page}", markup=False, soft_wrap=True)


def _counts(counts: dict[str, int], most: int = 4) -> str:
    text = ", ".join(f"{name} ({count})" for name, count in list(counts.items())[:most])
    rest = len(counts) - most
    return text + (f", {rest} other{'s' * (rest > 1)}" if rest > 0 else "")
