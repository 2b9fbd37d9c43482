"""Pools of answers for `make bench-drift`: each image of each condition goes through the predictor once, windows are drawn later.

The population is that of `sample:histology`, continued: the same 120 patients and stains, tiles that no training saw. A pool is a
table of the prediction log, kept as `<folder>/<name>.parquet`, so that an interrupted bench continues. Its request ids say what an
image is, `<class>/<patient>/<scene>`. The changes of the data set are made here; the corruptions come from the domain.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from components.ingest.sample.histology import Histology
from components.ingest.source import SAMPLE_SEED, SAMPLES
from serving.predictor import Predictor
from serving.rows import prediction_row, rows_table

HELD_OUT = 6000
"""Images without drift, none of which training saw."""
CHANGED = 1000
"""Images of each changed pool: the last ones of the population, changed; the reference is drawn from the others."""
TIME = datetime(2026, 1, 1, tzinfo=UTC)

Pixels = npt.NDArray[np.uint8]
_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])


def population(count: int, *, first: int = 0, seed: int = SAMPLE_SEED) -> Iterator[tuple[str, Pixels]]:
    """Paint tiles of the sample's patients: name `<class>/<patient>/<scene>` and uint8 [128, 128, 3].

    Args:
        count: how many.
        first: of them; 0 is the first that the sample itself does not hold.
        seed: of the population; another seed is stained elsewhere.
    """
    begin = SAMPLES["histology"] + first
    sample = Histology(begin + count, seed)
    for shot in sample.shots()[begin:]:
        yield f"{shot.label}/{shot.group}/{shot.scene}", sample.paint(shot.scene)[0].pixels


def pool(folder: Path, name: str, predictor: Predictor, images: Callable[[], Iterator[tuple[str, Pixels]]]) -> pa.Table:
    """Return the answers to images, columns `PREDICTION_SCHEMA`; computed once and kept in the folder."""
    path = folder / f"{name}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        rows, waiting = [], []
        for named in images():
            waiting.append(named)
            if len(waiting) == 64:
                rows += _answers(waiting, predictor)
                waiting = []
        rows += _answers(waiting, predictor)
        part = path.with_suffix(".part")
        pq.write_table(rows_table(rows), part)
        part.rename(path)
    return pq.read_table(path)


def kept(folder: Path, name: str, images: Callable[[], Iterator[tuple[str, Pixels]]]) -> list[tuple[str, Pixels]]:
    """Return painted images, kept in the folder as one array: painting takes ten times as long as answering."""
    path = folder / f"{name}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        names, pixels = zip(*images(), strict=True)
        np.savez(path, names=np.array(names), pixels=np.stack(pixels))
    with np.load(path) as stored:
        return list(zip(stored["names"].tolist(), stored["pixels"], strict=True))


def other_magnification(pixels: Pixels) -> Pixels:
    """Show the central two thirds at full size, as a 30x lens does beside a 20x one."""
    side = len(pixels)
    cut = side // 6
    return np.asarray(Image.fromarray(pixels[cut : side - cut, cut : side - cut]).resize((side, side), Image.Resampling.BICUBIC))


def other_scanner(pixels: Pixels) -> Pixels:
    """Photograph with another scanner: gamma 1.15, warmer white, the optics a little softer."""
    light = (pixels / 255.0) ** 1.15 * np.array([1.0, 0.98, 0.93])
    soft = Image.fromarray(np.rint(255 * light).astype(np.uint8))
    return np.asarray(Image.blend(soft, soft.resize((len(pixels) // 2,) * 2, Image.Resampling.BOX).resize(soft.size), 0.3))


def necrotic(pixels: Pixels) -> Pixels:
    """Take three quarters of the haematoxylin out, as tissue does that has lost its nuclei: a class that training never saw."""
    unit = _STAINS / np.linalg.norm(_STAINS, axis=1, keepdims=True)
    amounts = -np.log10((pixels.astype(np.float64) + 1) / 256) @ np.linalg.inv(unit)
    amounts[..., 0] *= 0.25
    return np.clip(256 * 10 ** -(amounts @ unit) - 1, 0, 255).astype(np.uint8)


def _answers(images: Sequence[tuple[str, Pixels]], predictor: Predictor) -> list[dict[str, object]]:
    predictions = predictor.predict([pixels for _, pixels in images])
    return [
        prediction_row(each, predictor.card, bundle="", request_id=name, time=TIME, group=name.split("/")[1])
        for (name, _), each in zip(images, predictions, strict=True)
    ]
