"""The entry point: finds the command, and turns every error that a user can mend into one line and an exit code."""

import importlib
import logging
import sys
from typing import Any

import click

from components.domain.errors import LobuleError

COMMANDS = {
    "run": "pipelines.cli.run",
    "data": "pipelines.cli.data",
    "recipes": "pipelines.cli.recipes",
    "runs": "pipelines.cli.runs",
    "compare": "pipelines.cli.compare",
    "models": "pipelines.cli.models",
    "promote": "pipelines.cli.promote",
    "rollback": "pipelines.cli.rollback",
    "package": "pipelines.cli.package",
    "serve": "pipelines.cli.serve",
    "predict": "pipelines.cli.predict",
    "monitor": "pipelines.cli.monitor",
    "compile": "pipelines.cli.compile",
    "submit": "pipelines.cli.submit",
    "ui": "pipelines.cli.ui",
    "doctor": "pipelines.cli.doctor",
}
INTERRUPTED = 130


class _Lazy(click.Group):
    """A group that imports a command when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="lobule")
def cli() -> None:
    """Folders of breast images to a monitored endpoint that can be trusted.

    Start with `lobule run`: it trains on a sample data set and says what to do next.
    Research use only. Not for clinical use.
    """


def main() -> None:
    """Run the command line; never returns."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    sys.exit(invoke(sys.argv[1:]))


def invoke(arguments: list[str]) -> int:
    """Run one command and return its exit code: 2 bad input, 3 refused, 130 interrupted, else the command's own."""
    try:
        result: Any = cli.main(args=arguments, prog_name="lobule", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("lobule: interrupted", err=True)
        return INTERRUPTED
    except click.UsageError as error:
        more = f"; see `{error.ctx.command_path} --help`" if error.ctx else ""
        click.echo(f"lobule: {error.format_message().rstrip('.')}{more}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except LobuleError as error:
        click.echo(f"lobule: {error}", err=True)
        return error.exit_code
    except ValueError as error:
        if not type(error).__module__.startswith("serving."):  # serving's own errors are not imported here: they cost start-up time
            raise
        click.echo(f"lobule: {error}", err=True)
        return 2
    return result if isinstance(result, int) else 0
