"""What is odd about single images and their masks: blank or misfitting masks, even tones, sizes far from all others."""

from collections import Counter, defaultdict
from pathlib import PurePosixPath

import numpy as np

from components.ingest.layouts.layout import Found
from components.ingest.masks import BLANK, DAMAGED, MISFIT
from components.ingest.perceptual import FEATURELESS
from components.ingest.scan import Scanned

WITHOUT_LESION = 0.9
"""A class whose masks are blank for at least this share has no lesions to mark (BUSI's `normal`): blank masks belong there."""
FAR = 4
"""An image whose longer side is this many times longer or shorter than the median's is tiny or huge."""


def blank_masks(images: list[Scanned]) -> dict[str, int]:
    """Count the images of each class whose mask marks nothing."""
    return dict(sorted(Counter(image.found.label for image in images if image.mask == BLANK).items()))


def odd_findings(images: list[Scanned]) -> list[str]:
    """Put into words what is odd about some of the images, one sentence each."""
    return [*_masks(images), *_even(images), *_sizes(images)]


def _masks(images: list[Scanned]) -> list[str]:
    states: dict[str, dict[str, list[Found]]] = defaultdict(lambda: defaultdict(list))
    for image in images:
        if image.mask:
            states[image.found.label][image.mask].append(image.found)
    found = []
    for label, held in sorted(states.items()):
        blank, total = held.get(BLANK, []), sum(map(len, held.values()))
        if blank and len(blank) < WITHOUT_LESION * total:
            found.append(f"{len(blank)} of {total} masks of class {label} mark nothing, such as {blank[0].masks[0]}")
        for state, words in ((DAMAGED, "cannot be read"), (MISFIT, "are of another size than their image")):
            if state in held:
                found.append(f"masks of {len(held[state])} images of class {label} {words}, such as {held[state][0].masks[0]}")
    return found


def _even(images: list[Scanned]) -> list[str]:
    even = [image for image in images if image.hash == FEATURELESS]
    return (
        [f"{_images(even)} {'shows' if len(even) == 1 else 'show'} one even tone and nothing else, such as {even[0].found.source}"]
        if even
        else []
    )


def _sizes(images: list[Scanned]) -> list[str]:
    if not images:
        return []
    sides = np.array([max(image.width, image.height) for image in images])
    middle = float(np.median(sides))
    odd = [images[row] for row in np.flatnonzero((sides * FAR <= middle) | (sides >= FAR * middle))]
    if not odd:
        return []
    first = odd[0]
    return [
        f"{_images(odd)} {'is' if len(odd) == 1 else 'are'} tiny or huge beside the others (median side {middle:.0f} pixels), "
        f"such as {PurePosixPath(first.found.source)} with {first.width} x {first.height}"
    ]


def _images(images: list[Scanned]) -> str:
    return f"{len(images)} image{'s' * (len(images) != 1)}"
