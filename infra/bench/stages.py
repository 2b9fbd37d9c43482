"""What the parts of a request cost by themselves, for `make bench-serve`: each on one thread, without a server around it.

Inference is that of as many images as a service under load runs together; alone, it is that of one.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

T = TypeVar("T")
R = TypeVar("R")
ROUNDS = 5
NEEDED = ("decode", "resize", "inference")


class Stages:
    """The parts of a bundle's answers, ready to be timed.

    Attributes:
        cpu: milliseconds of processor time of one request by part, the mean over the uploads in the quickest round.
    """

    def __init__(self, bundle: Path, uploads: Path) -> None:
        """Load a bundle, and time its parts for the uploads in a folder."""
        from serving.contract import Card
        from serving.imaging import decode, fit
        from serving.measure import properties
        from serving.openvino_graph import OpenVinoGraph
        from serving.pictures import data_uri, shrink

        card = Card.read(bundle)
        self._graph = graph = OpenVinoGraph.load(bundle, card, threads=1)
        self._files = [file.read_bytes() for file in sorted(uploads.glob("*.*"))]
        self._fitted = lambda data: fit(decode(data).pixels, card.image)[None]
        pictures = [decode(data).pixels for data in self._files]
        fitted = [self._fitted(data) for data in self._files]
        groups = [np.concatenate(fitted[start : start + graph.sizes[0]]) for start in range(0, len(fitted), graph.sizes[0])]
        for batch in (fitted[0], groups[0]):
            graph.run(batch)
        self.cpu = {
            "decode": _spent(decode, self._files),
            "resize": _spent(lambda pixels: fit(pixels, card.image), pictures),
            "inference": _spent(graph.run, groups) * len(groups) / len(fitted),
            "properties": _spent(properties, pictures),
            "thumbnail": _spent(lambda pixels: data_uri(shrink(pixels)), pictures),
        }

    @property
    def needed(self) -> float:
        """Processor time that no service of this network on this runtime can do without."""
        return sum(self.cpu[name] for name in NEEDED)

    def alone(self) -> float:
        """Return the median of the milliseconds on the clock of decoding, fitting and inferring one image after the other."""
        times = []
        for data in self._files * 3:
            began = time.perf_counter()
            self._graph.run(self._fitted(data))
            times.append(1e3 * (time.perf_counter() - began))
        return statistics.median(times)


def _spent(work: Callable[[T], R], things: list[T]) -> float:
    """Return the milliseconds of processor time for one thing: the mean of the quickest round."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for thing in things:
            work(thing)
        rounds.append(1e3 * (time.process_time() - began) / len(things))
    return min(rounds)
