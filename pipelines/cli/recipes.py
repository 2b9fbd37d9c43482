"""`lobule recipes`: the presets."""

import click


@click.command("recipes")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the recipes, or show one with its command, cost, expected score and settings.

    A recipe may have variants, `NAME:VARIANT`. `NAME:as_published` is the protocol of a published system, flaws and all; its split
    leaks, so it is marked and its model is never champion. Without that, the recipe is the corrected one.

    \b
    Examples:
      lobule recipes
      lobule recipes ultrasound-mobilenetv2
      lobule recipes ultrasound-densenet121:roi:as_published
    """
    from components.domain import presets

    if name is not None:
        recipe = presets.load(name)
        click.echo(presets.describe(name) + "\n")
        plain = presets.load(name.partition(":")[0]).flat()
        for key, value in recipe.flat().items():
            changed = "" if key == "name" or value == plain[key] else f"   ({plain['name']}: {plain[key]})"
            click.echo(f"  {key} = {value}{changed}")
        return
    width = max(len(known) for known in presets.names())
    for known in presets.names():
        click.echo(f"{known:<{width}}  {presets.describe(known).splitlines()[0]}")
        others = [each.removeprefix(known) for each in presets.variants(known)]
        if others:
            click.echo(f"{'':<{width}}  also {', '.join(others)}")
    click.echo("\nShow one: lobule recipes NAME. Train it: lobule run --recipe NAME --data SOURCE")
