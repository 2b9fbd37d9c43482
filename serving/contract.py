"""The model bundle: the one directory that serving reads, and the card that describes it.

The consumer owns the contract: training writes what stands here, serving checks it at the door and then trusts it.
A bundle holds no code and no pickle; every file is data that a strict parser reads.

    bundle/
      model.onnx         the graph: uint8 RGB [N, H, W, 3] -> logits, embedding, activation
      card.json          `Card` below
      reference.parquet  one row per reference image, with the columns of the prediction log (`PREDICTION_SCHEMA`)
      canary.png         an image whose scores are known
"""

import hashlib
import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

GRAPH_FILE = "model.onnx"
CARD_FILE = "card.json"
REFERENCE_FILE = "reference.parquet"
CANARY_FILE = "canary.png"

GRAPH_INPUT = "image"
"""Name of the graph's only input: uint8 RGB, [N, H, W, 3], at the size of the card's image spec."""
GRAPH_OUTPUTS = ("logits", "embedding", "activation")
"""Outputs of the graph: logits [N, K]; embedding [N, D]; class activation [N, h, w, K], all float32."""

PROPERTIES = (
    *("brightness", "contrast", "saturation", "red", "green", "blue", "haematoxylin", "eosin"),
    *("sharpness", "noise", "compression", "width", "height", "aspect"),
)
"""Image properties that are watched for drift, measured by `serving.measure.properties`."""

BF16_TOLERANCE = 0.01
"""Largest difference of a probability from f32 at which bf16 may serve, and by which a bf16 bundle's canary may differ between CPUs."""

ENSEMBLE_SEED = -1
"""In the place of a seed, for a model that is the average of several seeds' models."""
DISCLAIMER = "Research use only. Not for clinical use."

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Score = Annotated[float, Field(ge=0.0, le=1.0)]


class ContractError(ValueError):
    """A bundle breaks the contract; the message names the rule, the value and the remedy in one line."""


class Verdict(StrEnum):
    """What the caller may do with a prediction."""

    ACCEPT = "accept"
    ABSTAIN = "abstain"
    OUT_OF_DISTRIBUTION = "out_of_distribution"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageSpec(_Frozen):
    """The size in pixels that the graph takes, and how an image of another shape gets there.

    `stretch` resizes both sides; `crop` resizes the short side and takes the centre.
    """

    height: int = Field(ge=16, le=2048)
    width: int = Field(ge=16, le=2048)
    fit: Literal["stretch", "crop"] = "stretch"


class OperatingPoint(_Frozen):
    """The threshold on the positive class's probability, chosen on the validation split."""

    threshold: Score
    target_sensitivity: Score
    sensitivity: Score
    """Sensitivity reached on the validation split."""
    specificity: Score
    """Specificity that it costs there."""


class Limits(_Frozen):
    """When the service declines to answer. Chosen on the validation split."""

    margin: Score
    """Abstain when the positive probability is closer than this to the threshold."""
    min_confidence: Score
    """Abstain when the largest probability is below this."""
    out_of_distribution: float = Field(ge=0.0)
    """Out of distribution above this mean cosine distance to the nearest reference embeddings (`serving.reference`)."""
    false_alarm_rate: Score
    """Share of images like the reference images that is expected above that distance."""


class IntendedUse(_Frozen):
    """What a model may be used for (Mitchell et al., Model Cards for Model Reporting, FAT* 2019)."""

    purpose: str = "Research, by people who know that an answer may be wrong"
    not_for: str = "Diagnosis, screening, triage or treatment; images of another kind"


class Agreement(_Frozen):
    """How bf16 answered the validation images, beside f32; each calibrated by itself, as it would be served."""

    images: int = Field(ge=1)
    largest_difference: Score
    """Of a probability."""
    mean_difference: Score
    """Of a probability."""
    changed: int = Field(ge=0)
    """Images with another class at the operating point."""
    changed_verdicts: int = Field(ge=0)
    """Images that one answers and the other declines: those at the edge of a limit, which is a share of the images either way."""
    auc: float
    auc_f32: float
    loss: float
    """Cross-entropy in nats, after the temperature: it rises with bad calibration and with bad ranking."""
    loss_f32: float


class Card(_Frozen):
    """The model card: what the graph takes and answers, how it was chosen and on what data."""

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1)
    """Registered model name, for example `lobule-ultrasound`."""
    recipe: str
    classes: tuple[str, ...] = Field(min_length=2)
    positive: str
    """The class whose sensitivity counts (malignant, IDC positive)."""
    image: ImageSpec
    temperature: float = Field(gt=0.0)
    """Logits are divided by it before the softmax (Guo et al., ICML 2017)."""
    operating_point: OperatingPoint
    limits: Limits
    precision: Literal["f32", "bf16"] = "f32"
    """Inference precision, in which it was calibrated and is evaluated and served (`components.train.precision` has the rule). Where a CPU
    lacks bf16, f32 takes its place: scores then differ by about `agreement.largest_difference`."""
    agreement: Agreement | None = None
    """What the choice of the precision rests on; None where bf16 was not tried."""
    canary_scores: tuple[Score, ...]
    """Probabilities that the canary image must give, one per class."""
    seed: int
    """Of its training; `ENSEMBLE_SEED` for the average of several."""
    dataset: Digest
    certificate: Digest
    recipe_digest: Digest
    code: Digest
    commit: str
    leaking: bool
    """True when the model was trained under a protocol that leaks; such a model is never champion."""
    oracle: bool = False
    """True when its images were cut down to lesion masks, which no user has; such a model is never champion."""
    validation: dict[str, float]
    """Metrics on the validation split, by name."""
    created: str
    """UTC time, ISO 8601."""
    intended_use: IntendedUse = IntendedUse()
    disclaimer: str = DISCLAIMER

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.positive not in self.classes:
            raise ValueError(f"positive must be one of classes, but got positive={self.positive!r}, classes={self.classes}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes must be distinct, but got {self.classes}")
        if len(self.canary_scores) != len(self.classes):
            raise ValueError(f"canary_scores must hold one score per class, but got {len(self.canary_scores)} for {len(self.classes)}")
        return self

    @property
    def positive_index(self) -> int:
        """Index of the positive class."""
        return self.classes.index(self.positive)

    def write(self, bundle: Path) -> None:
        """Write `card.json` into the bundle directory."""
        (bundle / CARD_FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, bundle: Path) -> "Card":
        """Read and check `card.json`.

        Raises:
            ContractError: if the file is missing or breaks the contract.
        """
        path = bundle / CARD_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise ContractError(
                f"a bundle must hold {CARD_FILE}, but {bundle} does not; name a directory written by `lobule run`"
            ) from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ContractError(
                f"{path} breaks the bundle contract at {where or 'the top'}: {first['msg']}; package the model again"
            ) from None


PREDICTION_SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("us", tz="UTC")),
        ("request_id", pa.string()),
        ("bundle", pa.string()),
        ("verdict", pa.string()),
        ("predicted_class", pa.string()),
        ("confidence", pa.float32()),  # calibrated probability of the predicted class, in [0, 1]
        ("distance", pa.float32()),  # mean cosine distance to the nearest reference embeddings
        ("probabilities", pa.list_(pa.float32())),  # one per class, in the card's order
        ("embedding", pa.list_(pa.float32())),
        *((f"property_{name}", pa.float32()) for name in PROPERTIES),
        ("group", pa.string()),  # unit of independence: a number without meaning, as g17; null where unknown, as in the log
    ]
)
"""Columns of the prediction log, and of the reference window that it is compared with. No pixels, no identity."""

ADDED_COLUMNS = ("group", *(f"property_{name}" for name in ("haematoxylin", "eosin", "compression")))
"""Columns that older files lack; there they read as null."""


def read_predictions(path: Path, names: Sequence[str] = PREDICTION_SCHEMA.names) -> pa.Table:
    """Read columns of one file of the prediction log, or of a reference window, in the types of `PREDICTION_SCHEMA`.

    Raises:
        KeyError: if it lacks a column that every version of it has had.
        OSError, pyarrow.ArrowException: if it cannot be read.
    """
    schema = pa.schema([PREDICTION_SCHEMA.field(name) for name in names])
    with pq.ParquetFile(path) as file:
        there = set(file.schema_arrow.names)
        missing = [name for name in names if name not in there and name not in ADDED_COLUMNS]
        if missing:
            raise KeyError(f"no column {', '.join(missing)}")
        table = file.read(columns=[name for name in names if name in there])
    for name in [name for name in names if name not in there]:
        table = table.append_column(name, pa.nulls(table.num_rows, PREDICTION_SCHEMA.field(name).type))
    return table.select(list(names)).cast(schema)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as `sha256:<hex>`."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def tree_digest(directory: Path) -> str:
    """Return one digest of every file below a directory: of the sorted list of relative path and content digest.

    This is the identity of a bundle; two bundles with equal digests answer alike.
    """
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    entries = [[path.relative_to(directory).as_posix(), file_digest(path)] for path in files]
    return "sha256:" + hashlib.sha256(json.dumps(entries, separators=(",", ":")).encode()).hexdigest()
