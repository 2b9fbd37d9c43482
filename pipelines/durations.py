"""Lengths of time as users write them: a number and m, h, d or w."""

from datetime import timedelta

from components.domain.errors import InputError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(name: str, text: str, *, least: int = 1) -> timedelta:
    """Return a length of time.

    Args:
        name: of the option or setting, for the error.
        text: for example 90m, 24h, 7d or 2w.
        least: smallest number allowed.

    Raises:
        InputError: if it is none.
    """
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not number.isascii() or not number.isdigit() or not least <= int(number) <= 100_000:
        raise InputError(f"{name} must be a number and m, h, d or w, but got {text!r}; write for example 24h or 7d")
    return timedelta(**{unit: int(number)})
