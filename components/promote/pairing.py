"""Challenger against champion on the same images: paired differences, and what they say against the margins of non-inferiority."""

from dataclasses import dataclass

import numpy as np

from components.domain.metrics import Scored
from components.domain.paired import resample_differences
from components.domain.predictions import Predictions
from components.domain.report import Interval
from components.promote.findings import Finding
from components.promote.policy import Policy

Differences = tuple[tuple[str, Interval], ...]


@dataclass(frozen=True)
class Again:
    """The champion, scored again on the challenger's test images; only on those that it cannot have seen.

    Attributes:
        predictions: of the champion.
        dropped_images, dropped_groups: test images left out, and their groups, because the champion was trained or tuned on them or
            on images of their groups.
        unsized: test images left out because they were not kept at full size and the champion takes another size.
        unknown: images that the champion was trained or tuned on and that are not in the challenger's data: no look-alikes of them are
            known.
    """

    predictions: Predictions
    dropped_images: int = 0
    dropped_groups: int = 0
    unsized: int = 0
    unknown: int = 0

    @property
    def said(self) -> str:
        """What was done, in words."""
        parts = [f"the data changed, so the champion was scored again on {len(self.predictions.ids)} of the challenger's test images"]
        if self.dropped_images:
            parts.append(
                f"{self.dropped_images} in {self.dropped_groups} groups were left out, for it was trained or tuned on them or their groups"
            )
        if self.unsized:
            parts.append(f"{self.unsized} were left out, for it takes another size and they were not kept at their full one")
        if self.unknown:
            parts.append(
                f"{self.unknown} images that it learnt from are no longer in the data, and may look like some of these (that favours it)"
            )
        return "; ".join(parts)


def compare(ours: Predictions, theirs: Predictions, *, policy: Policy, draws: int, seed: int) -> tuple[list[Finding], Differences]:
    """Hold the paired differences against the margins of non-inferiority.

    Args:
        ours: the challenger's predictions.
        theirs: the champion's, on the same images.
        policy: margins.
        draws: resamples of the paired bootstrap over groups.
        seed: of the bootstrap.

    Raises:
        InputError: if the two are not of the same images.
    """
    differences = resample_differences(theirs, ours, draws=draws, seed=seed).intervals
    margins = {"auc": policy.auc_margin, "sensitivity": policy.sensitivity_margin}
    return [_against(name, differences[name], margin) for name, margin in margins.items()], tuple(
        (name, differences[name]) for name in margins
    )


def too_little(again: Again, policy: Policy) -> list[Finding]:
    """Judge whether enough images are left on which the two can be compared."""
    left = again.predictions
    counts = (("images", len(left.ids), policy.min_test_images), ("groups", len(set(left.groups)), policy.min_test_groups))
    return [
        Finding(
            "same images", "cannot tell", f"{again.said}; that is {count} {what} and the policy asks for {least}; evaluate on more data"
        )
        for what, count, least in counts
        if count < least
    ]


def only(predictions: Predictions, ids: list[str]) -> Predictions:
    """Return the predictions of some images, in their own order."""
    wanted = set(ids)
    rows = np.array([row for row, identity in enumerate(predictions.ids) if identity in wanted], dtype=np.int64)
    scored = predictions.scored
    return Predictions(
        [predictions.ids[row] for row in rows],
        [predictions.groups[row] for row in rows],
        Scored(scored.labels[rows], scored.probabilities[rows], scored.predicted[rows], scored.positive),
    )


def _against(name: str, difference: Interval, margin: float) -> Finding:
    about = f"{name} against the champion"
    said = f"{name} differs from the champion's by {difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    if difference.low >= -margin:
        return Finding(about, "promote", f"{said}, not below the margin of -{margin:.3f}")
    if difference.high < -margin:
        return Finding(about, "reject", f"{said}, wholly below the margin of -{margin:.3f}")
    return Finding(about, "cannot tell", f"{said}, across the margin of -{margin:.3f}; evaluate both on more data")
