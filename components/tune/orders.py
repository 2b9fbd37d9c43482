"""What everyone who works on a study must know."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from components.domain.recipe import Recipe


@dataclass(frozen=True)
class Orders:
    """A study: on what, where, and by how many.

    Attributes:
        training_set: artifact with the train and validation splits.
        recipe: gives the search space and the size of the study.
        weights: of the backbone (`components.learning.weights`).
        name: of the study.
        storage: SQLAlchemy URL where it lives.
        workers: how many share it.
        run_id: of the MLflow run whose children the trials are; "" records none.
        checkpoints: directory from which a trial that was cut off goes on.
        store: where embeddings are kept for everyone who works on the study, and for training after it.
    """

    training_set: Path
    recipe: Recipe
    weights: str | None
    name: str
    storage: str
    workers: int = 1
    run_id: str = ""
    checkpoints: Path | None = None
    store: Path | None = None

    def to_json(self) -> str:
        """Return the orders as one line."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        paths = {name: str(values[name]) if values[name] else None for name in ("training_set", "checkpoints", "store")}
        return json.dumps(values | paths | {"recipe": self.recipe.to_json()})

    @classmethod
    def from_json(cls, text: str) -> "Orders":
        """Read what `to_json` wrote."""
        values = json.loads(text)
        paths = {name: Path(values[name]) if values[name] else None for name in ("training_set", "checkpoints", "store")}
        return cls(**values | paths | {"recipe": Recipe.from_json(values["recipe"])})
