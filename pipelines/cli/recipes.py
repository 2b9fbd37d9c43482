"""`lobule recipes`: the presets."""

import click


@click.command("recipes")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the recipes, or show one with its command, cost, expected score and settings.

    \b
    Examples:
      lobule recipes
      lobule recipes ultrasound-mobilenetv2
    """
    from components.domain import presets

    if name is not None:
        click.echo(presets.describe(name) + "\n")
        for key, value in presets.load(name).flat().items():
            click.echo(f"  {key} = {value}")
        return
    width = max(len(known) for known in presets.names())
    for known in presets.names():
        click.echo(f"{known:<{width}}  {presets.describe(known).splitlines()[0]}")
    click.echo("\nShow one: lobule recipes NAME. Train it: lobule run --recipe NAME --data SOURCE")
