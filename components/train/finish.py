"""A trained network's end: mirror images if validation wants them, its bundle, and the Keras model beside it."""

from dataclasses import dataclass
from pathlib import Path

from components.domain.artifacts import Dataset
from components.domain.recipe import Recipe
from components.domain.tracking import Tracker
from components.learning.export import save_keras
from components.learning.network import Network
from components.train.bundle import write_bundle
from components.train.mirrored import choose_mirrored
from serving.contract import ENSEMBLE_SEED


@dataclass(frozen=True)
class Source:
    """What made a network: the recipe, the digest of the code, the git commit."""

    recipe: Recipe
    code: str
    commit: str


def finish(network: Network, dataset: Dataset, bundle: Path, source: Source, *, seed: int, tracker: Tracker) -> None:
    """Write a network's bundle, and its Keras model beside it.

    The legacy `.h5` cannot hold layers of one name twice, so there is none of an average of several networks.

    Args:
        network: as trained, in float32.
        dataset: the training set.
        bundle: directory to write; the Keras model lies beside it under the same name.
        source: what made it.
        seed: of the network; `ENSEMBLE_SEED` for an average.
        tracker: told what was measured of mirror images.
    """
    recipe, measured = source.recipe, dict[str, float]()
    if recipe.flips_at_test == "auto":
        network, measured = choose_mirrored(network, dataset)
        tracker.metrics(measured)
    write_bundle(network, dataset, bundle, recipe=recipe, seed=seed, code=source.code, commit=source.commit, measured=measured)
    save_keras(network, bundle, h5=recipe.save_h5 and seed != ENSEMBLE_SEED)
