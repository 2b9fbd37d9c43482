"""What training hands over: one model bundle per seed, and which of them was chosen on the validation split.

candidates/
  candidates.json   `Candidates`
  curves.png        loss, accuracy and AUC of the chosen one by epoch
  seed-0/ seed-1/   model bundles (`serving.contract`)
  ensemble/         with `Recipe.ensemble` the bundle of their average
  seed-0.keras ...  the same as Keras models: uint8 RGB [N, S, S, 3] -> probabilities [N, K]; with `Recipe.save_h5` also as `.h5`
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from components.domain.errors import InputError

CANDIDATES_FILE = "candidates.json"
CURVES_FILE = "curves.png"
ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Candidates:
    """The final models of one training.

    Attributes:
        chosen: directory name of the bundle with the best validation AUC.
        validation_auc: of every bundle, by directory name, in seed order.
    """

    chosen: str
    validation_auc: dict[str, float]

    def write(self, directory: Path) -> None:
        """Write `candidates.json` beside the bundles."""
        (directory / CANDIDATES_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "Candidates":
        """Read what `write` wrote.

        Raises:
            InputError: if it is missing or damaged.
        """
        try:
            return cls(**json.loads((directory / CANDIDATES_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"{directory} must hold a valid {CANDIDATES_FILE}, but does not ({type(error).__name__}); train again"
            ) from None
