"""Where a step's logic tells what it measured: a small Protocol, so that logic needs no tracking server to run.

`components.tracking` holds the MLflow implementation; component bodies pass it in.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

Scalar = str | int | float | bool


class Tracker(Protocol):
    """One run that is being recorded."""

    def params(self, values: Mapping[str, Scalar]) -> None:
        """Record settings; a setting is written once and never changes."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record measurements; `step` is the epoch for curves."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Record facts about the run."""

    def file(self, path: Path) -> None:
        """Keep a file at the root of the run's artifacts, where the compare page finds it."""

    def child(self, name: str) -> AbstractContextManager["Tracker"]:
        """Open a child run, for a trial or a seed."""


class NoTracker:
    """Records nothing: for a step used as a library."""

    def params(self, values: Mapping[str, Scalar]) -> None:
        """Ignore settings."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Ignore measurements."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Ignore facts."""

    def file(self, path: Path) -> None:
        """Ignore a file."""

    def child(self, name: str) -> AbstractContextManager[Tracker]:
        """Return a child that records nothing."""
        return nullcontext(self)


_conforms: Tracker = NoTracker()
