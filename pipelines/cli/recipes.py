"""`lobule recipes`: the presets."""

import sys

import click

PIPED_WIDTH = 320
"""Characters in a line of the table of rules where no terminal says how wide it is, so that each rule is one line."""


@click.command("recipes")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the recipes, or show one with its command, cost, expected score and settings.

    A recipe may have variants, `NAME:VARIANT`. `NAME:as_published` is the protocol of a published system, flaws and all; its split
    leaks, so it is marked and its model is never champion. Without that, the recipe is the corrected one.

    \b
    Examples:
      lobule recipes
      lobule recipes auto       (the rules by which it chooses)
      lobule recipes ultrasound-mobilenetv2
      lobule recipes ultrasound-densenet121:roi:as_published
    """
    from components.domain import presets
    from components.domain.auto import NAME

    if name == NAME:
        _explain()
        return
    if name is not None:
        recipe = presets.load(name)
        click.echo(presets.describe(name) + "\n")
        plain = presets.load(name.partition(":")[0]).flat()
        for key, value in recipe.flat().items():
            changed = "" if key == "name" or value == plain[key] else f"   ({plain['name']}: {plain[key]})"
            click.echo(f"  {key} = {value}{changed}")
        return
    width = max(len(known) for known in presets.names())
    click.echo(f"{NAME:<{width}}  Chosen by rules for your data and machine, with the reasons; what `lobule run --data SOURCE` trains")
    for known in presets.names():
        click.echo(f"{known:<{width}}  {presets.describe(known).splitlines()[0]}")
        others = [each.removeprefix(known) for each in presets.variants(known)]
        if others:
            click.echo(f"{'':<{width}}  also {', '.join(others)}")
    click.echo("\nShow one: lobule recipes NAME. Train it: lobule run --recipe NAME --data SOURCE")


def _explain() -> None:
    """Print the rules of recipe `auto` as they stand."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from components.domain.auto_rules import RULES

    click.echo(
        "For each setting the first row that fits decides; `--set` overrides it, and later rows follow. All others have their default.\n"
    )
    table = Table("setting", "when", "value", "because", box=None, pad_edge=False, header_style="bold")
    previous = ""
    for rule in RULES:
        cells = (rule.setting if rule.setting != previous else "", rule.when.words, rule.value_words, rule.reason_words)
        table.add_row(*map(escape, cells))
        previous = rule.setting
    Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH).print(table)
    click.echo("\nSee what it chooses: lobule data inspect SOURCE. Train it: lobule run --data SOURCE [--weights W] [--set KEY=VALUE]")
