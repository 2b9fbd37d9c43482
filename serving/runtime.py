"""What a predictor needs of an inference runtime: one small Protocol, one implementation a file."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Batch = npt.NDArray[np.uint8]
"""uint8 RGB, [N, H, W, 3], at the size of the card's image spec."""
Floats = npt.NDArray[np.float32]


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


class Graph(Protocol):
    """A loaded graph. `run` may be called from several threads at once."""

    def run(self, batch: Batch) -> GraphOutput:
        """Run the graph on uint8 RGB [N, H, W, 3]; the arrays returned belong to the caller."""
