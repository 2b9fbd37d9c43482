"""`lobule rollback`: an earlier champion again."""

import json
from dataclasses import asdict

import click

from components.domain.errors import InputError
from components.domain.settings import actor, tracking_uri
from pipelines.cli.stored import model_of, open_store


@click.command("rollback")
@click.option("--to", metavar="VERSION", default="", help="The earlier champion to go back to; default: the one before.")
@click.option("--model", metavar="NAME", help="Registered model; not needed while there is only one.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; kept in the ledger.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(to: str, model: str | None, reason: str, as_json: bool) -> None:
    """Make an earlier champion @champion again, with its operating point and its drift reference.

    Threshold, temperature, limits and reference window belong to the model and come back with it. The gate is not asked: the version has
    been champion. It is loaded and its canary image scored before anything is moved. The running service follows within seconds.

    \b
    Examples:
      lobule rollback --reason "false alarms at site B since version 7"
      lobule rollback --to 4 --reason "7 and 6 were trained on mislabelled images"

    Exit code 0: it is champion. 3: there is no earlier champion, or it does not serve.
    """
    if to and not to.isdigit():
        raise InputError(f"--to must be the number of a version, but got {to!r}; see `lobule models --history`")
    if not open_store():
        raise InputError("there is no registered model yet; train one with `lobule run`")
    from components.promote.rollback import roll_back
    from serving.settings import ServiceSettings

    name = model or model_of()
    record = roll_back(name, to, reason=reason, actor=actor(), tracking_uri=tracking_uri(), cache=ServiceSettings.read().cache)
    entry = record.entry
    if as_json:
        click.echo(json.dumps({**asdict(entry), "place": record.place, "digest": record.digest, "champion": True}, indent=2))
        return
    click.echo(
        f"{name} version {entry.version} is @champion again (before: {entry.champion_before or 'none'}); entry {record.place} of the ledger"
    )
    click.echo("A running service follows within seconds; `lobule monitor` compares with its reference window from now on.")
