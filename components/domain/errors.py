"""The one exception family. Each message is one line that says the rule, the value and the remedy."""

from typing import ClassVar


class LobuleError(Exception):
    """Base of every error that a user can cause and mend. `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 2


class InputError(LobuleError):
    """Bad usage or bad input: a recipe, a setting, a source, an artifact."""


class RefusedError(LobuleError):
    """A rule of honesty refuses: leaking data, a gate that says no."""

    exit_code: ClassVar[int] = 3


def require(holds: bool, rule: str, value: object, remedy: str) -> None:
    """Check a rule of the input.

    Raises:
        InputError: in one line, if it does not hold.
    """
    if not holds:
        raise InputError(f"{rule}, but got {value!r}; {remedy}")
