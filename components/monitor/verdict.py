"""What the monitor says: the verdict, the detectors behind it and what was left out. Written as `drift.json`."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from components.monitor.columns import About, Kind
from components.monitor.examples import Examples
from components.monitor.history import Volume
from components.monitor.outcome import Estimate, Performance
from components.monitor.rows import LeftOut


class Status(StrEnum):
    """Has anything changed, as far as this many images can tell?"""

    NO_DRIFT = "no drift"
    DRIFT = "drift"
    TOO_LITTLE_DATA = "too little data"

    @property
    def exit_code(self) -> int:
        """What `lobule monitor` ends with."""
        return {Status.NO_DRIFT: 0, Status.DRIFT: 4, Status.TOO_LITTLE_DATA: 5}[self]


@dataclass(frozen=True)
class Detector:
    """One watched column, compared with the reference window, or, if `seasonal`, with the same time of earlier weeks.

    Attributes:
        name: of the column in the prediction log.
        words: its name in a sentence.
        kind: how it was compared.
        about: what a change in it tells about.
        p_value: of this detector alone.
        corrected: chance that any of all detectors is as surprising as this one; drift where it is at most alpha.
        effect: size of the difference, 0 the same, 1 apart altogether.
        drifted: the corrected p-value is at most alpha.
        design_effect: by how much less the images tell, because they come in groups; 1 for independent ones.
        missing: images of the window without a usable value, left out.
        seasonal: it differs from the reference as it does every week at this time, and from those weeks it does not.
        reference, current: `p10`, `median`, `p90` of a number, the share of each category; empty for embeddings.
    """

    name: str
    words: str
    kind: Kind
    about: About
    p_value: float
    corrected: float
    effect: float
    drifted: bool
    design_effect: float
    missing: int
    reference: dict[str, float]
    current: dict[str, float]
    seasonal: bool = False


@dataclass(frozen=True)
class NotWatched:
    """A column that could not be compared, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class DriftVerdict:
    """The verdict on one window.

    Attributes:
        status: no drift, drift or too little data.
        model: registered name on the model's card.
        bundle: its digest.
        images: this model's images in the window.
        compared: how many of them were compared, drawn at random if there were more than the limit.
        reference_images: images of the reference window that were compared.
        since, until: the window that was asked for; None is open.
        first, last: time of its first and last image.
        alpha: chance of a false alarm for a window without drift.
        onset: when the drift most likely began; None if it was there from the first image on, or if there is no drift.
        detectors: by corrected p-value, then effect, strongest first; none when there is too little data.
        not_watched: columns that could not be compared.
        left_out: rows and files of the log that do not belong to the window, by reason.
        examples: images to look at, by request id; none when there is too little data.
        text: one paragraph: what changed, since when, what to do.
        volume: how many images came and how many are usual; None for a window that is open at its beginning.
        performance: what labels say of the window; None without labels.
        estimate: what confidence says of it; None where the model's test predictions are not known, or nothing was answered.
    """

    status: Status
    model: str
    bundle: str
    images: int
    compared: int
    reference_images: int
    since: datetime | None
    until: datetime | None
    first: datetime | None
    last: datetime | None
    alpha: float
    onset: datetime | None
    detectors: tuple[Detector, ...]
    not_watched: tuple[NotWatched, ...]
    left_out: LeftOut
    examples: Examples
    text: str
    volume: Volume | None = None
    performance: Performance | None = None
    estimate: Estimate | None = None

    @property
    def alarm(self) -> bool:
        """True if something must be done: drift, or labels that show a performance below the policy."""
        return self.status is Status.DRIFT or bool(self.performance and self.performance.fallen)

    @property
    def headline(self) -> str:
        """The verdict in a few words."""
        return f"{self.status.value}{', performance below the policy' if self.performance and self.performance.fallen else ''}"

    @property
    def exit_code(self) -> int:
        """0 no drift, 4 drift or a performance below the policy, 5 too little data."""
        return Status.DRIFT.exit_code if self.alarm else self.status.exit_code

    @property
    def because(self) -> str:
        """Why the model should be trained again, in one line; "" where it need not: no alarm, or a change in the log alone."""
        below = [each.said for each in self.performance.shortfalls if each.certain] if self.performance else []
        if below:
            return f"labels show it below the policy: {'; '.join(below)}"
        if self.status is not Status.DRIFT or {each.about for each in self.drifted} == {"log"}:
            return ""
        return f"drift in {', '.join(each.words for each in self.drifted[:5])} over {self.images:,} images"

    @property
    def drifted(self) -> tuple[Detector, ...]:
        """The detectors that found drift, strongest first."""
        return tuple(detector for detector in self.detectors if detector.drifted)

    def to_json(self, **facts: object) -> str:
        """Return the verdict as one JSON document, with facts beside it; times in ISO 8601."""
        values = {"schema_version": 2, "exit_code": self.exit_code, **asdict(self), "because": self.because, **facts}
        return json.dumps(values, indent=2, allow_nan=False, default=_encode) + "\n"

    def write(self, path: Path) -> None:
        """Write the JSON document to a file."""
        path.write_text(self.to_json(), encoding="utf-8")


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a verdict holds no {type(value).__name__}")
