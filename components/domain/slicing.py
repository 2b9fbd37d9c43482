"""Values of a slice (magnification, site, position on a slide), taken together until there are few enough to read."""

from collections import Counter

import numpy as np
import numpy.typing as npt

UNKNOWN = "unknown"
"""The value of an image of which the source does not say it."""
MOST_VALUES = 12
"""A slice with more values is cut into bands where they are numbers; else all but the most frequent are taken together."""
BANDS = 4
FEWEST_IMAGES = 5
"""Of many words, those of fewer images are taken together, too: names, remarks and dates are no slices."""


def gather(values: list[str], *, always: bool = False) -> list[str]:
    """Take values together until there are few enough to read: numbers in bands of about equal counts, words by frequency.

    Args:
        values: one for each image.
        always: cut numbers into bands even where there are few.

    Returns:
        The value, band, "<n> others" or "<n> different values" of each image.

    >>> sorted(set(gather([*"aaaaa", *"bcdefghijklmno"])))
    ['14 others', 'a']
    """
    distinct = set(values)
    if len(distinct) <= MOST_VALUES and not always:
        return values
    numbers = [_number(value) for value in values]
    known = np.array([number for number in numbers if number is not None])
    if len(known) and all(number is not None or value == UNKNOWN for number, value in zip(numbers, values, strict=True)):
        edges = np.quantile(known, np.linspace(0, 1, BANDS + 1))
        return [UNKNOWN if number is None else _band(number, edges) for number in numbers]
    kept = {value for value, count in Counter(values).most_common(MOST_VALUES - 1) if count >= FEWEST_IMAGES}
    rest = f"{len(distinct) - len(kept)} {'others' if kept else 'different values'}"
    return [value if value in kept else rest for value in values]


def ordered(values: set[str]) -> list[str]:
    """Return values in the order of the numbers that they begin with, else of the alphabet."""

    def key(value: str) -> tuple[bool, float, str]:
        number = _number(value.split(" ", maxsplit=1)[0].rstrip("xX"))
        return number is None, number or 0.0, value

    return sorted(values, key=key)


def _band(number: float, edges: npt.NDArray[np.float64]) -> str:
    """Name the band of a number; a band holds its lower edge, the last one both."""
    place = int(np.clip(np.searchsorted(edges, number, side="right") - 1, 0, len(edges) - 2))
    return f"{edges[place]:g} to {edges[place + 1]:g}"


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
