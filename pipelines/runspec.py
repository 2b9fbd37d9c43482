"""A run on this machine: its name, the pipeline's arguments, and where its files lie."""

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from components.domain.errors import InputError
from components.domain.settings import home, unwritable


def new_name(recipe: str) -> str:
    """Return a name that sorts by time: `<recipe>-<yyyymmdd>-<hhmmss>-<4 hex digits>`, time in UTC, colons of the recipe as `-`."""
    return f"{recipe.replace(':', '-')}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


@dataclass(frozen=True)
class RunSpec:
    """What `--resume` needs to go on.

    Attributes:
        name: of the run.
        arguments: of the pipeline.
        caching: reuse finished steps.
        on: `process` or `docker`: what each step runs in.
    """

    name: str
    arguments: dict[str, str | bool | int]
    caching: bool = True
    on: str = "process"

    @property
    def directory(self) -> Path:
        """Where the run's specification, log and result lie."""
        return home() / "runs" / self.name

    @property
    def log(self) -> Path:
        """Everything that the steps printed."""
        return self.directory / "run.log"

    @property
    def result(self) -> Path:
        """JSON of the pipeline's outputs, written at the end."""
        return self.directory / "result.json"

    def write(self) -> Path:
        """Write the specification and return its path.

        Raises:
            InputError: if it cannot be written.
        """
        path = self.directory / "spec.json"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(unwritable(self.directory, error)) from None
        return path

    @classmethod
    def read(cls, name: str) -> "RunSpec":
        """Read the specification of an earlier run.

        Raises:
            InputError: if there is none of that name.
        """
        try:
            return cls(**json.loads((home() / "runs" / name / "spec.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            known = sorted(path.name for path in (home() / "runs").glob("*") if path.is_dir())
            raise InputError(
                f"there is no run {name!r} in {home()}; choose one of {', '.join(known) or 'none yet: start with `lobule run`'}"
            ) from None
