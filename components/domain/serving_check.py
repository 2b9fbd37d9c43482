"""What the packaged model did when it was served for a moment: `serve_check.json`, written by the check and judged by the gate."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from components.domain.errors import InputError

CHECK_FILE = "serve_check.json"
TOLERANCE = 1e-3
"""Largest difference of a probability between the evaluation and the service."""


@dataclass(frozen=True)
class ServeCheck:
    """What the served Bento did. It became ready, so it loaded the bundle and its canary image gave the scores on the card.

    Attributes:
        bundle: digest that the service told.
        images: test images that were sent.
        largest_difference: of a probability, between the report and the service.
        differing_classes, differing_verdicts: images for which the service says another one than the report.
        p50_ms, p95_ms: latency of one request at a time, from sending to the whole answer, in milliseconds.
        ready_seconds: from start to readiness.
        bundle_mib: size of the bundle's files, in MiB.
        examples: the first answer for each label: label, class_name, confidence (percent) and verdict.
    """

    bundle: str
    images: int
    largest_difference: float
    differing_classes: int
    differing_verdicts: int
    p50_ms: float
    p95_ms: float
    ready_seconds: float
    bundle_mib: float
    examples: list[dict[str, object]]

    @property
    def agrees(self) -> bool:
        """Whether the service answers as the evaluation did."""
        return self.largest_difference <= TOLERANCE and self.differing_classes == 0

    def write(self, directory: Path) -> None:
        """Write `serve_check.json`."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / CHECK_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "ServeCheck":
        """Read what `write` wrote.

        Raises:
            InputError: if it is missing or damaged.
        """
        try:
            return cls(**json.loads((directory / CHECK_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"{directory} must hold a valid {CHECK_FILE}, but does not ({type(error).__name__}); package and check the model again"
            ) from None
