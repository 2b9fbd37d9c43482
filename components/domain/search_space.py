"""What a study of a recipe varies."""

import dataclasses
from dataclasses import dataclass

from components.domain.errors import require


@dataclass(frozen=True)
class SearchSpace:
    """What the study varies: each a (low, high) range, equal ends fix the value. Learning rates vary on a log scale."""

    learning_rate: tuple[float, float] = (3e-4, 3e-3)
    dropout: tuple[float, float] = (0.1, 0.5)
    weight_decay: tuple[float, float] = (1e-6, 1e-3)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            pair = getattr(self, field.name)
            numbers = len(pair) == 2 and all(type(end) in (int, float) for end in pair)
            require(
                numbers and 0 <= pair[0] <= pair[1] <= 1,
                f"search.{field.name} must be two numbers, 0 <= low <= high <= 1",
                pair,
                "write them like [0.1, 0.5]",
            )
        require(self.learning_rate[0] > 0, "search.learning_rate must be positive", self.learning_rate, "raise the low end")
        for name in ("dropout", "weight_decay"):
            require(getattr(self, name)[1] < 1, f"search.{name} must be below 1", getattr(self, name), "lower the high end")


USUAL = SearchSpace()
"""The default: what suits a head on a frozen backbone and a small network alike."""
