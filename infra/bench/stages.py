"""What the parts of a request cost by themselves, for `make bench-serve`: each on one thread, without a server around it.

Inference is that of as many images as a service under load runs together; alone, it is that of one.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

T = TypeVar("T")
R = TypeVar("R")
ROUNDS = 5
NEEDED = ("decode", "resize", "inference")


@dataclass(frozen=True)
class Stages:
    """Milliseconds of one request by stage.

    Attributes:
        cpu: processor time by stage, the mean over the uploads in the quickest round.
        alone: median of the time on the clock of decoding, fitting and inference.
    """

    cpu: dict[str, float]
    alone: float

    @property
    def needed(self) -> float:
        """Processor time that no service of this network on this runtime can do without."""
        return sum(self.cpu[name] for name in NEEDED)


def measure_stages(bundle: Path, uploads: Path) -> Stages:
    """Time the stages of a bundle's answers for the uploads in a folder."""
    from serving.contract import Card
    from serving.imaging import decode, fit
    from serving.measure import properties
    from serving.openvino_graph import OpenVinoGraph
    from serving.pictures import data_uri, shrink

    card = Card.read(bundle)
    graph = OpenVinoGraph.load(bundle, card, threads=1)
    files = [file.read_bytes() for file in sorted(uploads.glob("*.*"))]
    pictures = [decode(data).pixels for data in files]
    fitted = [fit(pixels, card.image)[None] for pixels in pictures]
    groups = [np.concatenate(fitted[start : start + graph.sizes[0]]) for start in range(0, len(fitted), graph.sizes[0])]
    for batch in (fitted[0], groups[0]):
        graph.run(batch)
    cpu = {
        "decode": _spent(decode, files),
        "resize": _spent(lambda pixels: fit(pixels, card.image), pictures),
        "inference": _spent(graph.run, groups) * len(groups) / len(fitted),
        "properties": _spent(properties, pictures),
        "thumbnail": _spent(lambda pixels: data_uri(shrink(pixels)), pictures),
    }
    times = []
    for data in files * 3:
        began = time.perf_counter()
        graph.run(fit(decode(data).pixels, card.image)[None])
        times.append(1e3 * (time.perf_counter() - began))
    return Stages(cpu, statistics.median(times))


def _spent(work: Callable[[T], R], things: list[T]) -> float:
    """Return the milliseconds of processor time for one thing: the mean of the quickest round."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for thing in things:
            work(thing)
        rounds.append(1e3 * (time.process_time() - began) / len(things))
    return min(rounds)
