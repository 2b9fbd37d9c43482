"""`lobule doctor`: is everything here that Lobule needs, and what to do where it is not."""

import json

import click

MARKS = {True: "ok     ", False: "MISSING"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(as_json: bool) -> int:
    """Check python, packages, the training back end, the stores and the settings; say what to do.

    Exit codes: 0 all well, 3 something is missing.
    """
    from components.domain.settings import SETTINGS
    from pipelines.health import check_all
    from serving.settings import SETTINGS as SERVING_SETTINGS

    checks = check_all()
    settings = {**{each.name: each for each in SETTINGS}, **{each.name: each for each in SERVING_SETTINGS}}
    healthy = all(check.ok for check in checks)
    if as_json:
        listed = [{"name": each.name, "default": each.default, "meaning": each.meaning} for each in settings.values()]
        facts = [{"check": each.name, "ok": each.ok, "found": each.found, "remedy": each.remedy} for each in checks]
        click.echo(json.dumps({"ok": healthy, "checks": facts, "settings": listed}, indent=2))
        return 0 if healthy else 3
    for check in checks:
        click.echo(f"{MARKS[check.ok]}  {check.name:<18} {check.found}" + (f"\n         -> {check.remedy}" if not check.ok else ""))
    click.echo("\nSettings (environment variables):")
    for setting in settings.values():
        click.echo(f"  {setting.name:<28} {told(setting.meaning, setting.default)}")
    return 0 if healthy else 3


def told(meaning: str, default: str) -> str:
    """Return what a setting decides, with its default where it has one."""
    return f"{meaning} (default: {default})" if default else meaning
