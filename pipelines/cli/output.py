"""How commands speak: tables and lines for people on standard output, progress on standard error."""

import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console


def console() -> "Console":
    """Return where tables go: standard output, readable without colour."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


class Progress:
    """Prints one line per fact: time since the start, the step with its place, what it says."""

    def __init__(self, steps: tuple[str, ...]) -> None:
        self.steps = steps
        self.began = time.monotonic()

    def __call__(self, step: str, text: str) -> None:
        """Show a line of a step; lines of no known step are left to the log."""
        if step not in self.steps:
            return
        seconds = int(time.monotonic() - self.began)
        place = f"{self.steps.index(step) + 1:2d}/{len(self.steps)} {step}"
        click.echo(f"{seconds // 60:3d}:{seconds % 60:02d}  {place:<16} {text}", err=True)
