"""The report of an evaluation: `report.json` and `predictions.parquet`. It is the gate's only input."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from components.domain.errors import InputError

REPORT_FILE = "report.json"
PREDICTIONS_FILE = "predictions.parquet"
"""One row per test image: id, group, label, split, seed, predicted_class, verdict, probabilities (list, one per class)."""


@dataclass(frozen=True)
class Interval:
    """A metric with its 95 % interval; `value` is on the whole split, the ends from a bootstrap over groups."""

    value: float
    low: float
    high: float

    @property
    def says_nothing(self) -> bool:
        """True if it spans all of [0, 1]: there were too few groups for an interval of a metric with this range."""
        return self.low <= 0 and self.high >= 1


@dataclass(frozen=True)
class Report:
    """What a model does on the test split.

    Attributes:
        bundle: digest of the chosen model bundle.
        dataset, certificate: digests of the data.
        test: digest of the test split's rows; two reports compare only if equal.
        classes: names, in score order; positive: the class whose sensitivity counts.
        images, groups: size of the test split.
        metrics: of the chosen bundle, by name.
        per_class: recall and precision by class.
        seeds: each metric's value for every seed's model, by name.
        leaking: the protocol leaks; such a model is never champion.
        oracle: the images were cut down to lesion masks, which no user has; such a model is never champion.
    """

    bundle: str
    dataset: str
    certificate: str
    test: str
    recipe: str
    classes: list[str]
    positive: str
    images: int
    groups: int
    metrics: dict[str, Interval]
    per_class: dict[str, dict[str, Interval]]
    seeds: dict[str, list[float]]
    leaking: bool
    oracle: bool = False

    def write(self, directory: Path) -> None:
        """Write `report.json` into the artifact."""
        (directory / REPORT_FILE).write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "Report":
        """Read what `write` wrote.

        Raises:
            InputError: if it is missing or damaged.
        """
        try:
            values = json.loads((directory / REPORT_FILE).read_text(encoding="utf-8"))
            values["metrics"] = {name: Interval(**item) for name, item in values["metrics"].items()}
            values["per_class"] = {
                label: {name: Interval(**item) for name, item in part.items()} for label, part in values["per_class"].items()
            }
            return cls(**values)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"{directory} must hold a valid {REPORT_FILE}, but does not ({type(error).__name__}); evaluate the model again"
            ) from None
