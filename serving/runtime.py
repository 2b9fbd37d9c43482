"""What a predictor needs of an inference runtime: one small Protocol, one implementation a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Batch = npt.NDArray[np.uint8]
"""uint8 RGB, [N, H, W, 3], at the size of the card's image spec."""
Floats = npt.NDArray[np.float32]
Meanwhile = Callable[[], None]
"""Is called when the graph is about to run: starts, on another thread, what can be done in that time."""


@dataclass(frozen=True)
class GraphOutput:
    """What the graph of a bundle answers, all float32.

    Attributes:
        logits: [N, K], before the temperature.
        embedding: [N, D].
        activation: class activation, [N, h, w, K].
    """

    logits: Floats
    embedding: Floats
    activation: Floats

    @classmethod
    def join(cls, parts: Sequence["GraphOutput"]) -> "GraphOutput":
        """Put the outputs of parts of a batch together, in order."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.embedding for part in parts]),
            np.concatenate([part.activation for part in parts]),
        )


def nothing() -> None:
    """Start nothing."""


class Graph(Protocol):
    """A loaded graph. `run` may be called from several threads at once."""

    @property
    def sizes(self) -> Sequence[int]:
        """Numbers of images that cost less when they are run together, largest first; the last is 1."""

    def run(self, batch: Batch, *, meanwhile: Meanwhile = nothing) -> GraphOutput:
        """Run the graph on uint8 RGB [N, H, W, 3]; the arrays returned belong to the caller."""
