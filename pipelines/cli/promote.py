"""`lobule promote`: the gate, the alias and the ledger."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.domain.errors import InputError
from components.domain.names import CHALLENGER, CHAMPION
from components.domain.settings import actor
from pipelines.cli.stored import find_version, open_store

if TYPE_CHECKING:
    from components.promote.findings import Decision

NOT_PROMOTED = 3
NEVER = ("leakage", "oracle")
"""Findings that --force does not overrule (`components.promote.promotion.promote_version`)."""


@click.command("promote")
@click.argument("version", required=False, default=f"@{CHALLENGER}")
@click.option("--model", metavar="NAME", help="Registered model; not needed while there is only one.")
@click.option("--reason", metavar="TEXT", default="", help="Why; kept in the ledger.")
@click.option("--force", is_flag=True, help="Promote although the gate does not say so; needs --reason. Never for a leaking model.")
@click.option("--dry-run", is_flag=True, help="Only say what the gate says; nothing is changed.")
@click.option(
    "--policy",
    "policy_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Promotion policy; default mlflow/promotion-policy.toml.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(version: str, model: str | None, reason: str, force: bool, dry_run: bool, policy_file: Path | None, as_json: bool) -> int:
    """Ask the gate about VERSION and, if it says so, make it @champion.

    VERSION is a number, @ALIAS, NAME/NUMBER or NAME@ALIAS; without it the newest trained one, @challenger. The gate reads the
    version's evidence (report, certificate, signature, what the packaged service did) and asks whether it reaches its own floors and
    budgets, and then whether it is no worse than the champion on the same test images; where the data changed, the champion is scored
    again. The running service follows @champion within seconds.

    \b
    Examples:
      lobule promote
      lobule promote 7 --reason "retrained after the scanner was replaced"
      lobule promote --dry-run
      lobule promote 7 --force --reason "first model on the new test set"

    Exit code 0: it is champion. 3: the gate says no or cannot tell.
    """
    if not open_store():
        raise InputError("there is no registered model yet; train one with `lobule run`")
    from components.promote.policy import Policy, policy_text
    from components.promote.promotion import decide_version, promote_version
    from serving.settings import ServiceSettings

    cache = ServiceSettings.read().cache
    rules = Policy.from_toml(policy_text(policy_file))
    name, number = find_version(version, model)
    if dry_run:
        decision = decide_version(name, number, policy=rules, cache=cache)
    else:
        decision = promote_version(name, number, policy=rules, reason=reason, force=force, actor=actor(), cache=cache)
    if as_json:
        _print_json(decision, name, number, moved=not dry_run and decision.allows)
    else:
        _print(decision, name, number, dry_run=dry_run)
    return 0 if decision.allows else NOT_PROMOTED


def _print(decision: "Decision", name: str, version: str, *, dry_run: bool) -> None:
    forced = ", forced" if decision.forced else ""
    click.echo(f"{name} version {version}: {decision.outcome}{forced}")
    against = re.sub("(sha256:[0-9a-f]{12})[0-9a-f]+", r"\1", decision.compared_with)
    click.echo(f"  compared with {against}")
    for reason in decision.reasons:
        click.echo(f"  - {reason}")
    if dry_run:
        click.echo("Nothing was changed (--dry-run).")
    elif decision.allows:
        click.echo(f"It is @{CHAMPION}. Serve it with `lobule serve`.")
    else:
        never = any(each.about in NEVER for each in decision.findings)
        overrule = "no --force makes it champion" if never else "--force --reason TEXT overrules the gate"
        click.echo(f"The champion stays. `lobule models` lists the versions; {overrule}.")


def _print_json(decision: "Decision", name: str, version: str, *, moved: bool) -> None:
    import json
    from dataclasses import asdict

    differences = {metric: asdict(part) for metric, part in decision.differences}
    document = {"model": name, "version": version, **asdict(decision), "differences": differences, "champion": moved}
    click.echo(json.dumps(document, indent=2))
