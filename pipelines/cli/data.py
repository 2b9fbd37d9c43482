"""`lobule data`: what is in a source, and sample sources."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.domain import settings

if TYPE_CHECKING:
    from components.ingest.inspect import Inspection

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
    Counts classes, patients, sizes, modes and every slice that the layout knows (magnification, subtype, site, ...); finds unreadable
    files, exact and near duplicates and pictures under two labels; and estimates what a random split by image would leak. Says what
    recipe auto would train, and why. Nothing is written but the page. Layouts are recognised:
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
    from components.ingest.source import open_source
    from pipelines.choose import preview
    from pipelines.cli.inspected import show

    logging.getLogger("components").setLevel(logging.INFO)  # progress, on standard error
    seen = inspect_source(source, cache=settings.home() / "cache")
    if page is not None:
        _write_page(seen, page)
    chosen = preview(open_source(source, cache=settings.home() / "cache")) if len(seen.classes) > 1 else None
    if as_json:
        click.echo(json.dumps(seen.to_dict() | ({"auto": json.loads(chosen.to_json())} if chosen else {}), indent=2))
    else:
        show(seen, page)
        for line in ["\nrecipe auto would train, with the weights that are on this machine", *chosen.lines] if chosen else []:
            click.echo(line)
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
