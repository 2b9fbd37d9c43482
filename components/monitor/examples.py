"""Which images show it: the most drifted ones, each with the reference image it resembles most, and those most like the reference.

Images are named by request id, as the service told its callers; who kept the pixels finds them by it. Here are none.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from components.monitor.embeddings import distances
from components.monitor.familywise import Floats
from components.monitor.pairs import vectors_of, width_of

MOST = 5
"""Images that are named of each kind."""


@dataclass(frozen=True)
class Example:
    """One image of the window.

    Attributes:
        request_id: of the request that brought it.
        time: of its answer.
        departure: how far it departs the way the window drifted, in standard deviations of the reference, mean over detectors.
        nearest: id of the reference image that the model sees as most alike; "" if either has no embedding.
    """

    request_id: str
    time: datetime | None
    departure: float
    nearest: str


@dataclass(frozen=True)
class Examples:
    """Images to look at: the most drifted first, and the most usual first."""

    drifted: tuple[Example, ...] = ()
    usual: tuple[Example, ...] = ()


def pick_examples(reference: pa.Table, current: pa.Table, departure: Floats) -> Examples:
    """Name the images that depart most and least.

    Args:
        reference: derived columns (`components.monitor.derived`).
        current: the same.
        departure: of each current row (`components.monitor.battery.Battery`).
    """
    order = np.argsort(-departure, kind="stable")
    drifted, usual = order[:MOST], order[::-1][: min(MOST, max(0, len(order) - MOST))]
    rows = np.concatenate([drifted, usual])
    nearest = _nearest(reference, current, rows)
    times, names = current.column("time").to_pylist(), current.column("request_id").to_pylist()
    made = [
        Example(names[row] or "", times[row], float(departure[row]), nearest_id)
        for row, nearest_id in zip(rows.tolist(), nearest, strict=True)
    ]
    return Examples(tuple(made[: len(drifted)]), tuple(made[len(drifted) :]))


def _nearest(reference: pa.Table, current: pa.Table, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[str]:
    width = width_of(reference.column("embedding"))
    known, known_rows = vectors_of(reference.column("embedding"), width)
    shown, shown_rows = vectors_of(current.column("embedding").take(pa.array(rows)), width)
    found = [""] * len(rows)
    if len(known) and len(shown):
        names = reference.column("request_id").take(pa.array(known_rows[distances(shown, known).argmin(axis=1)])).to_pylist()
        for place, name in zip(shown_rows.tolist(), names, strict=True):
            found[place] = name or ""
    return found
