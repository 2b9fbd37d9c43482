"""Do augmented images still look like images of the source? A check that is told, and that stops nobody.

Two views: the image properties that drift is watched by (`serving.measure.properties`), and a small embedding that does not care
about place or direction: histograms of gray value and of edge strength, and the channels' means and deviations. Of each property
the range that holds 99 % of the train images is known; of the embedding, the mean distance to the nearest train images that
99 % of them keep. Then the share of augmented images outside is counted, beside that of the untouched validation images, which
is what chance and another set of patients do. MixUp and CutMix make pictures that are no pictures on purpose and are left out.
"""

import logging
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from components.domain.artifacts import Dataset
from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe
from serving.contract import PROPERTIES
from serving.imaging import Pixels
from serving.measure import properties

WATCHED = tuple(name for name in PROPERTIES if name not in ("width", "height", "aspect"))
"""Properties of the pixels; size is the same for all."""
EMBEDDING = "embedding"
SAMPLE = 256
"""So many images of a kind are looked at, drawn evenly."""
ALONE = 64
"""So many where a setting is looked at by itself."""
TAILS = (0.5, 99.5)
"""Percentiles between which 99 % of the source lie."""
LIMIT = 0.25
"""A policy leaves the distribution where more than this share lies outside, beyond the share of validation images that does."""
NEIGHBOURS = 5
_BINS = 16
Floats = npt.NDArray[np.float64]
logger = logging.getLogger(__name__)
OFF = Augmentation(flips="none")
_BLENDS = ("mixup", "cutmix")


@dataclass(frozen=True)
class Share:
    """How much lies outside, by property and for `embedding`: shares in [0, 1] of images that were changed in one way.

    Attributes:
        images: how many were looked at.
        outside: share outside the source's 99 % range.
        leaves: the names whose share is above that of the validation images by more than `LIMIT`, the worst first.
    """

    images: int
    outside: dict[str, float]
    leaves: list[str]


@dataclass(frozen=True)
class DistributionCheck:
    """What was found.

    Attributes:
        images: train images that the ranges come from.
        ranges: lower and upper end by property; of the embedding 0 and the largest distance.
        validation: share of validation images outside, by property and for `embedding`.
        policy: what the training policy does as a whole.
        settings: what each of its settings does by itself, by its name and value, `zoom=0.1`.
        copies: what the copies that balance classes look like; None where there are none.
    """

    images: int
    ranges: dict[str, tuple[float, float]]
    validation: dict[str, float]
    policy: Share
    settings: dict[str, Share]
    copies: Share | None

    @property
    def holds(self) -> bool:
        """True if neither policy nor copies leave the distribution."""
        return not self.policy.leaves and not (self.copies and self.copies.leaves)

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON takes it."""
        return {"holds": self.holds, "limit": LIMIT, **asdict(self)}


class _Source:
    """The train images' ranges, against which others are held."""

    def __init__(self, images: Pixels) -> None:
        measured, self._embedded = _measure(images), _embed(images)
        self._center, self._scale = self._embedded.mean(axis=0), self._embedded.std(axis=0) + 1e-6
        self._embedded = (self._embedded - self._center) / self._scale
        ends = np.percentile(measured, TAILS, axis=0)
        self.ranges = {name: (float(ends[0, place]), float(ends[1, place])) for place, name in enumerate(WATCHED)}
        among = _nearest(self._embedded, self._embedded, alone=True)
        self.ranges[EMBEDDING] = (0.0, float(np.percentile(among, 99)))

    def outside(self, images: Pixels) -> dict[str, float]:
        """Return the share of images outside, by property and for the embedding."""
        measured = _measure(images)
        distance = _nearest((_embed(images) - self._center) / self._scale, self._embedded, alone=False)
        values = {**{name: measured[:, place] for place, name in enumerate(WATCHED)}, EMBEDDING: distance}
        return {name: float(((value < self.ranges[name][0]) | (value > self.ranges[name][1])).mean()) for name, value in values.items()}


def check_distribution(source: Dataset, copies: Pixels, *, recipe: Recipe) -> DistributionCheck:
    """Compare augmented train images with the train images as they are; what leaves their range is told in the log.

    Args:
        source: the data set.
        copies: that balance the classes, uint8 [m, S, S, 3]; m may be 0.
        recipe: gives the policy and the seed.
    """
    train = _sample(source.pixels, source.rows("train"))
    known, policy = _Source(train), replace(recipe.augmentation, mixup=0.0, cutmix=0.0)
    validation = known.outside(_sample(source.pixels, source.rows("validation")))

    def share(images: Pixels) -> Share:
        outside = known.outside(images)
        over = {name: value - validation[name] for name, value in outside.items() if value - validation[name] > LIMIT}
        return Share(len(images), outside, sorted(over, key=lambda name: -over[name]))

    def changed(by: Augmentation, images: Pixels) -> Pixels:
        return apply_policy(by, images, seed=recipe.split_seed)

    check = DistributionCheck(
        images=len(train),
        ranges=known.ranges,
        validation=validation,
        policy=share(changed(policy, train)),
        settings={name: share(changed(each, train[:: -(-len(train) // ALONE)])) for name, each in settings_of(policy).items()},
        copies=share(_sample(copies, np.arange(len(copies)))) if len(copies) else None,
    )
    _tell(check)
    return check


def settings_of(policy: Augmentation) -> dict[str, Augmentation]:
    """Return each setting of a policy by itself, by its name and value, blending left out."""
    values = ((each.name, getattr(policy, each.name)) for each in fields(policy) if each.name not in _BLENDS)
    return {f"{name}={value}": replace(OFF, **{name: value}) for name, value in values if value != getattr(OFF, name)}


def apply_policy(policy: Augmentation, images: Pixels, *, seed: int, batch: int = 64) -> Pixels:
    """Return images changed once as training changes them: uint8 [n, S, S, 3]."""
    from components.learning import augmentation

    layers = augmentation.build(policy, images.shape[1], seed=seed)
    parts = [np.asarray(layers(images[start : start + batch].astype(np.float32), training=True)) for start in range(0, len(images), batch)]
    whole: Pixels = np.rint(np.clip(np.concatenate(parts), 0, 255)).astype(np.uint8)
    return whole


def _tell(check: DistributionCheck) -> None:
    for what, share in (("the policy", check.policy), ("the copies", check.copies)):
        if share and share.leaves:
            worst = share.leaves[0]
            culprits = [name for name, each in check.settings.items() if each.leaves]
            alone = f"; alone already: {', '.join(culprits)}" if culprits and share is check.policy else ""
            logger.warning(
                "OUT OF DISTRIBUTION: with %s, %.0f %% of the images lie outside the 99 %% range of the source's %s "
                "(validation images: %.0f %%)%s; training will see pictures that no patient has: lower it, see augmentation_report.html",
                *(what, 100 * share.outside[worst], worst, 100 * check.validation[worst], alone),
            )


def _sample(pixels: Pixels, rows: npt.NDArray[np.int64]) -> Pixels:
    """Return at most `SAMPLE` images, spread evenly over the rows."""
    places = np.unique(np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).round().astype(np.int64))
    return np.asarray(pixels[rows[places]])


def _measure(images: Pixels) -> Floats:
    measured = [properties(image) for image in images]
    return np.array([[values[name] for name in WATCHED] for values in measured])


def _embed(images: Pixels) -> Floats:
    """Return float [n, 38]: square roots of both histograms' shares (Hellinger), channel means and deviations."""
    return np.stack([_embed_one(image) for image in images])


def _embed_one(image: Pixels) -> Floats:
    values = image.astype(np.float64) / 255
    gray = values.mean(axis=2)
    edges = np.log1p(50 * np.hypot(np.diff(gray, axis=0)[:, :-1], np.diff(gray, axis=1)[:-1])) / np.log1p(50 * np.sqrt(2))
    shares = [np.sqrt(np.histogram(part, bins=_BINS, range=(0, 1))[0] / part.size) for part in (gray, edges)]
    return np.concatenate([*shares, values.mean(axis=(0, 1)), values.std(axis=(0, 1))])


def _nearest(points: Floats, among: Floats, *, alone: bool) -> Floats:
    """Return each point's mean distance to its nearest neighbours, [n]; `alone` leaves out the point itself."""
    squares = (points**2).sum(axis=1)[:, None] + (among**2).sum(axis=1) - 2 * points @ among.T
    if alone:
        np.fill_diagonal(squares, np.inf)
    count = min(NEIGHBOURS, len(among) - int(alone))
    nearest: Floats = np.sqrt(np.maximum(np.partition(squares, count - 1, axis=1)[:, :count], 0)).mean(axis=1)
    return nearest
