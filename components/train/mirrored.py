"""Whether a bundle averages each image with its mirror image: where validation says that it is better, for it costs twice the time.

The rule: the cross-entropy on the validation images falls by more than one standard error of the paired difference, and their AUC does
not. Card and run say what was measured and what was chosen.
"""

import logging

import numpy as np

from components.domain.artifacts import Dataset
from components.learning.combined import mirrored
from components.learning.fit import predict_logits
from components.learning.network import Network
from components.learning.scores import Floats, Targets, auc, softmax

logger = logging.getLogger(__name__)


def choose_mirrored(network: Network, dataset: Dataset) -> tuple[Network, dict[str, float]]:
    """Return the network that is served, and what was measured: `flips` (1 if chosen), `flips_loss_gain` and `flips_auc_gain`."""
    rows, both = dataset.rows("validation"), mirrored(network)
    plain, other = (predict_logits(each.classifier(), dataset.pixels, rows) for each in (network, both))
    measured = measure(plain, other, dataset.targets[rows])
    logger.info(
        "mirror images: validation loss %+.4f, AUC %+.4f: %s",
        *(-measured["flips_loss_gain"], measured["flips_auc_gain"], "averaged in the served graph" if measured["flips"] else "not used"),
    )
    return both if measured["flips"] else network, measured


def measure(plain: Floats, other: Floats, targets: Targets) -> dict[str, float]:
    """Judge logits [N, K] with mirror images against those without, by the rule of this module."""
    rows = np.arange(len(targets))
    losses = [-np.log(np.maximum(softmax(logits)[rows, targets], 1e-12)) for logits in (plain, other)]
    gains = losses[0] - losses[1]
    better = float(auc(softmax(other), targets) - auc(softmax(plain), targets))
    chosen = gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)) and better >= 0
    return {"flips": float(chosen), "flips_loss_gain": float(gains.mean()), "flips_auc_gain": better}
