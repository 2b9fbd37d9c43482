"""A window of the prediction log as an artifact: what one step gathers and another judges.

predictions/
  window.json            `Window`
  labels.csv             labels that have come; only where there are any
  date=.../*.parquet     files of the log that may hold rows of the window, or of earlier ones, as they are

candidates/              one bundle, as training hands it over (`components.domain.candidates`)
  evaluation/            report.json and predictions.parquet of the registered version; only where its run keeps them
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from components.domain.errors import InputError

WINDOW_FILE = "window.json"
LABELS_FILE = "labels.csv"
EVALUATION = "evaluation"
CHAMPION_BUNDLE = "champion"


@dataclass(frozen=True)
class Window:
    """Which window was gathered, and of which version. Times in ISO 8601, with their zone."""

    since: str
    until: str
    name: str
    version: str

    def write(self, directory: Path) -> None:
        """Write `window.json`."""
        (directory / WINDOW_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """First moment, and the one after the last."""
        return datetime.fromisoformat(self.since), datetime.fromisoformat(self.until)


def read_window_file(directory: Path) -> Window | None:
    """Read `window.json`; None where there is none: a log that is judged as a whole.

    Raises:
        InputError: if it is damaged.
    """
    path = directory / WINDOW_FILE
    if not path.is_file():
        return None
    try:
        window = Window(**json.loads(path.read_text(encoding="utf-8")))
        _ = window.bounds
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} must say which window was gathered, but does not ({type(error).__name__}); gather it again") from None
    return window
