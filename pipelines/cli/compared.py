"""How a comparison reads on a terminal: who is compared, each pair's verdict and table, the images that they disagree on."""

import textwrap
from typing import TYPE_CHECKING

import click

from pipelines.cli.stored import show

if TYPE_CHECKING:
    from components.compare.compare import Comparison, Pair
    from components.tracking.evidence import Evidence

WIDTH = 110


def print_runs(comparison: "Comparison", found: list["Evidence"], settings: dict[str, list[str]]) -> None:
    """Print the runs under letters, the settings in which they differ, and what must be known before any figure."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("", "run", "recipe", "seeds"):
        table.add_column(title, no_wrap=True)
    for letter, each in zip(letters(comparison), found, strict=True):
        table.add_row(letter, each.run, each.report.recipe, str(len(each.report.seeds["auc"])))
    show(table)
    classes = comparison.aligned.entrants[0].report
    click.echo(
        f"\nthe chosen model of each, on {'the same' if comparison.aligned.same else 'the common'} {comparison.images} test images of "
        f"{comparison.groups} groups; positive is {classes.positive}"
    )
    if settings:
        click.echo("what differs: " + "; ".join(f"{key} {' | '.join(values)}" for key, values in settings.items()))
    for warning in comparison.warnings:
        click.echo(f"NOTE  {warning}")


def print_pair(pair: "Pair", comparison: "Comparison") -> None:
    """Print a pair's verdict, a sentence for each question, and every metric."""
    from rich.table import Table

    from components.compare.words import p_text

    names = dict(zip(comparison.names, letters(comparison), strict=True))
    first, second = names[pair.first], names[pair.second]
    click.echo("\n" + "\n".join(textwrap.wrap(_short(pair.verdict, names), WIDTH)))
    for sentence in pair.sentences:
        click.echo("\n".join(textwrap.wrap(_short(sentence, names), WIDTH, initial_indent="  - ", subsequent_indent="    ")))
    table = Table(box=None, pad_edge=False)
    for title in ("", first, second, f"{second} - {first} [95 %]", "p", "Holm", "test"):
        table.add_column(title, no_wrap=True)
    for name in comparison.metrics:
        each = pair.paired.differences[name]
        decides = each.adjusted is not None
        table.add_row(
            name,
            f"{each.first:.3f}",
            f"{each.second:.3f}",
            f"{each.interval.value:+.3f} [{each.interval.low:+.3f}, {each.interval.high:+.3f}]",
            p_text(each.p) if decides else "",
            p_text(each.adjusted) if decides else "",
            each.test if decides else "",
        )
    click.echo()
    show(table)
    told = [
        f"{name} {each.only_first} to {each.only_second} (McNemar by image: p {p_text(each.p_images)})"
        for name, each in pair.paired.discordant.items()
    ]
    click.echo(f"right where the other is wrong, {first} to {second}: " + ", ".join(told))


def print_disagreements(comparison: "Comparison", most: int) -> None:
    """Print the images whose class not all models agree on, the widest apart first."""
    from rich.table import Table

    total = len(comparison.disagreements)
    if not total:
        click.echo("\nThey say the same class of every image.")
        return
    part = f", the {most} widest apart here, all with --json" if total > most else ""
    click.echo(f"\nThey disagree on {total} of {comparison.images} images{part}:")
    table = Table(box=None, pad_edge=False)
    for title in ("image", "true", *(f"{letter} says (true class)" for letter in letters(comparison))):
        table.add_column(title, no_wrap=True)
    for each in comparison.disagreements[:most]:
        said = [f"{word} ({score:.2f})" for word, score in zip(each.said, each.scores, strict=True)]
        table.add_row(each.id.removeprefix("sha256:")[:12], each.label, *said)
    show(table)


def letters(comparison: "Comparison") -> str:
    """Return a letter for each model."""
    return "ABCDEFGH"[: len(comparison.names)]


def _short(sentence: str, names: dict[str, str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        sentence = sentence.replace(name, names[name])
    return sentence
