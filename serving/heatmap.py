"""The heat map of an answer: where the image speaks for the predicted class and against the others.

One run of the graph gives a class activation map (Zhou et al., CVPR 2016) of 7 x 7 places for 224 pixels: too coarse to point at a small
lesion, and likely to peak at the padding of the border. So the served graph looks at overlapping views of the image, whole, three
quarters and half of each side, and their maps are averaged where they lie (after Augmented Grad-CAM, Morbidelli et al., ICASSP 2020).
The evidence for a class is its activation less the mean of the others': what is added to all of them alike moves no probability.
`infra/bench/pointing.py` measures on lesion masks what that brings.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from serving.contract import ImageSpec
from serving.imaging import Pixels
from serving.predictor import Predictor
from serving.resizing import Box, seen_box
from serving.runtime import Floats

GRID = 64
"""Places of a heat map on each side."""
_VIEWS = ((1.0, (0.0,)), (0.75, (0.0, 0.25)), (0.5, (0.0, 0.25, 0.5)))
"""Side of a view and where it starts, as shares of the image's side: 1 + 4 + 9 views."""
_FLOOR = 0.05
"""Weight of a view at its border, where padding speaks too; 1 in its middle."""


@dataclass(frozen=True)
class HeatMap:
    """Evidence for one class, over the part of an image that the model sees.

    Attributes:
        evidence: float32 [GRID, GRID], positive where the image speaks for the class; in units of the logit.
        box: the part of the image that it covers, as shares of its width and height.
    """

    evidence: Floats
    box: Box


def explain(predictor: Predictor, pixels: Pixels, target: int) -> HeatMap:
    """Map the evidence for a class on one decoded image, uint8 RGB [height, width, 3]; the graph sees 14 views.

    Args:
        predictor: that answered.
        pixels: as it got them.
        target: index of the class.
    """
    spec = predictor.card.image
    height, width = pixels.shape[:2]
    box = seen_box(width, height, spec)
    image = _reduced(pixels, box, spec)
    places = [(side, top, left) for side, starts in _VIEWS for top in starts for left in starts]
    activation = predictor.scores(np.stack([_view(image, *place, spec) for place in places])).activation
    evidence = activation[..., target] - np.delete(activation, target, axis=3).mean(axis=3)
    total, weights = np.zeros((GRID, GRID), np.float32), np.zeros((GRID, GRID), np.float32)
    for (side, top, left), part in zip(places, evidence, strict=True):
        length, weight = round(side * GRID), _window(round(side * GRID))
        rows, columns = (slice(round(start * GRID), round(start * GRID) + length) for start in (top, left))
        whole = Image.fromarray(np.ascontiguousarray(part, dtype=np.float32)).resize((length, length), Image.Resampling.BILINEAR)
        total[rows, columns] += weight * np.asarray(whole)
        weights[rows, columns] += weight
    return HeatMap(total / weights, (box[0] / width, box[1] / height, box[2] / width, box[3] / height))


def _reduced(pixels: Pixels, box: Box, spec: ImageSpec) -> Image.Image:
    """Return the seen part at no more pixels than the smallest view needs."""
    wide, high = round(box[2] - box[0]), round(box[3] - box[1])
    size = (max(1, min(wide, 2 * spec.width)), max(1, min(high, 2 * spec.height)))
    return Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, box=box)


def _view(image: Image.Image, side: float, top: float, left: float, spec: ImageSpec) -> Pixels:
    width, height = image.size
    box = (left * width, top * height, (left + side) * width, (top + side) * height)
    return np.asarray(image.resize((spec.width, spec.height), Image.Resampling.BILINEAR, box=box))


def _window(length: int) -> Floats:
    wave = np.hanning(length + 2)[1:-1].astype(np.float32)
    window: Floats = _FLOOR + (1 - _FLOOR) * np.outer(wave, wave)
    return window
