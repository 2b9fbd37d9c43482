"""Colours and axes that the plots of a report share."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, GREY, RED = "#0072b2", "#8a8a8a", "#c0392b"
LINES = (
    ("#0072b2", "-"),
    ("#e69f00", "-"),
    ("#009e73", "-"),
    ("#cc79a7", "-"),
    ("#000000", "-"),
    ("#56b4e9", "--"),
    ("#d55e00", "--"),
    ("#009e73", "--"),
    ("#0072b2", ":"),
)
"""Colour and dashes of several lines, told apart with any colour vision (Okabe and Ito)."""


def new_axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes."""
    figure = Figure(figsize=(5, 4.4))
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
