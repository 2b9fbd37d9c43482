"""The contact sheet of the most confident errors: each picture, and beside it the heat map that the service would show.

A heat map costs 14 runs of the graph (`serving.heatmap`), so a sheet of 12 costs as much as 168 images.
"""

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from components.domain.artifacts import Dataset
from components.domain.metrics import Ints, Scored
from serving.heatmap import explain
from serving.pictures import overlay
from serving.predictor import Predictor

SHOWN_ERRORS = 12
COLUMNS = 3
INCHES = 1.45  # of one picture


def worst_errors(scored: Scored, count: int = SHOWN_ERRORS) -> Ints:
    """Return the places of the wrongly predicted images, the most confident first, int64 [at most count].

    Confidence is the probability of the predicted class above that of the true one.
    """
    places = np.arange(len(scored.labels))
    lead = scored.probabilities[places, scored.predicted] - scored.probabilities[places, scored.labels]
    wrong = np.flatnonzero(scored.predicted != scored.labels)
    return wrong[np.argsort(-lead[wrong], kind="stable")][:count].astype(np.int64)


def draw_errors(scored: Scored, dataset: Dataset, predictor: Predictor) -> Figure:
    """Draw the worst errors of a test split in rows of `COLUMNS` pairs.

    Args:
        scored: of the test split, in the order of its rows.
        dataset: with that split.
        predictor: of the bundle that was scored; it draws the heat maps.
    """
    places = worst_errors(scored)
    if not len(places):
        figure = Figure(figsize=(8.4, 1.2))
        figure.text(0.5, 0.5, "no errors on the test split", ha="center", va="center")
        return figure
    images = np.asarray(dataset.pixels[dataset.rows("test")[places]])
    rows = -(-len(places) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * (2 * INCHES + 0.2), rows * (INCHES + 0.3)))
    grid = figure.add_gridspec(rows, COLUMNS, wspace=0.08, hspace=0.22)
    for number, (place, image) in enumerate(zip(places.tolist(), images, strict=True)):
        guess = int(scored.predicted[place])
        pair = grid[divmod(number, COLUMNS)].subgridspec(1, 2, wspace=0.03)
        left, right = figure.add_subplot(pair[0]), figure.add_subplot(pair[1])
        for axes, picture in ((left, image), (right, overlay(Image.fromarray(image), explain(predictor, image, guess)))):
            axes.imshow(picture)
            axes.set_axis_off()
        said = f"said {dataset.classes[guess]} {scored.probabilities[place, guess]:.0%}"
        left.set_title(f"true {dataset.classes[scored.labels[place]]}, {said}", fontsize=8, loc="left", pad=3)
    return figure
