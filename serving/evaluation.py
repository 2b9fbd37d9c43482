"""What the served model reached on its test split: asked of the registry once per version, beside the requests.

The bundle cannot know: it is complete before anybody looks at the test images.
"""

import asyncio
import time
from dataclasses import dataclass

from serving.registry import evaluated
from serving.slot import Served

FORGET_SECONDS = 60.0
"""After which a registry that knew nothing is asked again."""


@dataclass(frozen=True)
class Figure:
    """A metric with the ends of its 95 % interval over groups."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """Of `images` test images in `groups` groups that no training saw; metrics by name."""

    images: int
    groups: int
    metrics: dict[str, Figure]


class Evaluations:
    """Finds the evaluation of what is served, and keeps the last answer."""

    def __init__(self) -> None:
        self._kept: tuple[str, Evaluation | None] | None = None
        self._again = 0.0
        self._asking = asyncio.Lock()

    async def of(self, served: Served, tracking_uri: str) -> Evaluation | None:
        """Return the evaluation of a served model, or None where nobody knows it."""
        bundle = served.predictor.digest
        async with self._asking:
            if self._kept and self._kept[0] == bundle and (self._kept[1] or time.monotonic() < self._again):
                return self._kept[1]
            if served.version is None:
                return None
            values = await asyncio.to_thread(evaluated, served.name, served.version, bundle=bundle, tracking_uri=tracking_uri)
            found = evaluation_of(values)
            self._kept, self._again = (bundle, found), time.monotonic() + FORGET_SECONDS
            return found


def evaluation_of(values: dict[str, float]) -> Evaluation | None:
    """Return an evaluation out of its values in MLflow: those with an interval; None if there are none.

    >>> evaluation_of({"images": 9.0, "groups": 4.0, "auc": 0.8, "auc_low": 0.7, "auc_high": 0.9, "auc_seeds_mean": 0.75})
    Evaluation(images=9, groups=4, metrics={'auc': Figure(value=0.8, low=0.7, high=0.9)})
    """
    names = [name for name in values if f"{name}_low" in values and f"{name}_high" in values]
    if not names:
        return None
    metrics = {name: Figure(values[name], values[f"{name}_low"], values[f"{name}_high"]) for name in sorted(names)}
    return Evaluation(int(values.get("images", 0)), int(values.get("groups", 0)), metrics)
