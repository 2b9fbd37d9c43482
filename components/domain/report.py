"""The report of an evaluation: `report.json` and `predictions.parquet`. It is the gate's only input."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from components.domain.errors import InputError
from serving.contract import Limits, OperatingPoint

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
class Part:
    """What a model does on some of the test images.

    Attributes:
        images, groups: how many there are.
        classes: images of each class that occurs.
        metrics: by name; only those that these images have (no sensitivity without a positive image).
    """

    images: int
    groups: int
    classes: dict[str, int]
    metrics: dict[str, Interval]


@dataclass(frozen=True)
class Patients:
    """What a model says of patients (or slides): the mean of the probabilities of a patient's images, at the images' operating point.

    Attributes:
        patients: how many there are; each is one group.
        images: of these patients.
        classes: patients of each class.
        mixed: patients left out because their images are of several classes.
        unknown: images left out because nobody knows their patient.
        metrics: those of `components.domain.metrics.measure`, over patients.
    """

    patients: int
    images: int
    classes: dict[str, int]
    mixed: int
    unknown: int
    metrics: dict[str, Interval]


@dataclass(frozen=True)
class Robustness:
    """What a model does on corrupted test images (`components.domain.corruptions`): auc_positive, sensitivity, accuracy, ... by name.

    Attributes:
        images, groups: size of the sample of test images; the same for every corruption.
        clean: metrics on the sample as it is.
        corrupted: metrics by corruption and severity (1 to 5).
    """

    images: int
    groups: int
    clean: dict[str, Interval]
    corrupted: dict[str, dict[int, dict[str, Interval]]]

    def worst(self, metric: str, severity: int) -> tuple[str, Interval]:
        """Return the corruption of a severity under which a metric is lowest, and the metric there."""
        found = {kind: levels[severity][metric] for kind, levels in self.corrupted.items()}
        kind = min(found, key=lambda name: found[name].value)
        return kind, found[kind]


@dataclass(frozen=True)
class Report:
    """What a model does on the test split. Fields with a default are missing in the reports of earlier versions.

    Attributes:
        bundle: digest of the chosen model bundle.
        dataset, certificate: digests of the data.
        test: digest of the test split's rows; two reports compare only if equal.
        classes: names, in score order; positive: the class whose sensitivity counts.
        images, groups: size of the test split.
        metrics: of the chosen bundle, by name.
        per_class: metrics of each class against the rest.
        seeds: each metric's value for every seed's model, by name.
        leaking: the protocol leaks; such a model is never champion.
        oracle: the images were cut down to lesion masks, which no user has; such a model is never champion.
        confusion: test images by true (row) and predicted (column) class, in the order of `classes`.
        verdicts: test images by the service's verdict.
        operating_point: threshold, target, and what it reached on the validation split.
        limits: of abstention, chosen on the validation split.
        validation_coverage: share of the validation images that the service would answer.
        patients: at patient level; None where no group is a patient, or every patient's images are of several classes.
        slices: by column of the manifest (or `image size`) and value.
        robustness: on corrupted images; None where it was not measured.
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
    confusion: list[list[int]] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=dict)
    operating_point: OperatingPoint | None = None
    limits: Limits | None = None
    validation_coverage: float | None = None
    patients: Patients | None = None
    slices: dict[str, dict[str, Part]] = field(default_factory=dict)
    robustness: Robustness | None = None

    def write(self, directory: Path) -> None:
        """Write `report.json` into the artifact."""
        values = _adapter().dump_python(self, mode="json")
        (directory / REPORT_FILE).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "Report":
        """Read what `write` wrote.

        Raises:
            InputError: if it is missing or damaged.
        """
        try:
            return _adapter().validate_json((directory / REPORT_FILE).read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(
                f"{directory} must hold a valid {REPORT_FILE}, but does not ({type(error).__name__}); evaluate the model again"
            ) from None


@cache
def _adapter() -> TypeAdapter[Report]:
    return TypeAdapter(Report)
