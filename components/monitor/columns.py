"""What is watched for drift: which columns of the prediction log, how each is compared and what it is called in words."""

from dataclasses import dataclass
from typing import Literal

from serving.contract import PROPERTIES

Kind = Literal["number", "category", "embedding"]
About = Literal["images", "model view", "answers", "log"]
"""What a column tells about: the images as they come, how the model sees them, what it answers, or whether the log is whole."""


@dataclass(frozen=True)
class Column:
    """One watched column of `serving.contract.PREDICTION_SCHEMA`, or one that `components.monitor.derived` adds.

    Attributes:
        name: in the prediction log.
        kind: how it is compared.
        about: what a change in it tells about.
        words: its name in a sentence.
    """

    name: str
    kind: Kind
    about: About
    words: str


WATCHED = (
    *(Column(f"property_{name}", "number", "images", name) for name in PROPERTIES),
    Column("embedding", "embedding", "model view", "the embedding"),
    Column("distance", "number", "model view", "distance from the reference images"),
    Column("score", "number", "answers", "the score of the positive class"),
    Column("confidence", "number", "answers", "confidence"),
    Column("predicted_class", "category", "answers", "the mix of predicted classes"),
    Column("verdict", "category", "answers", "the mix of verdicts"),
    Column("missing", "category", "log", "what is missing in the log"),
)
