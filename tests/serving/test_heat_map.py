"""The heat map: it lies where the evidence is, also where the model sees only the centre of an image."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_bundle import plain, write_bundle

from serving.contract import ImageSpec
from serving.heatmap import GRID, HeatMap, explain
from serving.imaging import fit
from serving.pictures import overlay, shrink
from serving.predictor import Predictor
from serving.resizing import seen_box

MALIGNANT, BENIGN = 1, 0  # red speaks for malignant, green for benign
CROP = ImageSpec(height=32, width=32, fit="crop")


@pytest.fixture(scope="module")
def predictor(bundle: Path) -> Predictor:
    return Predictor.load(bundle)


@pytest.fixture(scope="module")
def cropping(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.load(write_bundle(tmp_path_factory.mktemp("crop") / "bundle", image=CROP.model_dump()))


def strongest(evidence: np.ndarray) -> tuple[float, float]:
    """Centre of the places of at least 9 tenths of the largest evidence, as shares of the image's height and width."""
    rows, columns = np.nonzero(evidence >= 0.9 * evidence.max())
    return (rows.mean() + 0.5) / evidence.shape[0], (columns.mean() + 0.5) / evidence.shape[1]


def test_the_evidence_for_a_class_is_where_its_colour_is(predictor: Predictor):
    image = plain(0, 255, 0, height=64, width=64)
    image[:32, :32] = (255, 0, 0)
    red = explain(predictor, image, MALIGNANT)
    assert red.evidence.shape == (GRID, GRID)
    assert red.box == (0, 0, 1, 1)
    assert (red.evidence[: GRID // 4, : GRID // 4] > 0).all()
    assert (red.evidence[GRID // 2 + 4 :] < 0).all()
    green = explain(predictor, image, BENIGN)
    assert green.evidence == pytest.approx(-red.evidence)  # with two classes, what speaks for one speaks against the other


def test_evidence_is_the_activation_less_that_of_the_other_classes(predictor: Predictor):
    # red 1: activation (-4, 4) everywhere, so 4 - -4
    assert explain(predictor, plain(255, 0, 0), MALIGNANT).evidence == pytest.approx(8.0)


@pytest.mark.parametrize("place", [(40, 30), (90, 120), (100, 20)], ids=str)
def test_a_small_spot_is_pointed_at(predictor: Predictor, place: tuple[int, int]):
    image = plain(0, 20, 0, height=128, width=160)
    top, left = place
    image[top - 8 : top + 8, left - 10 : left + 10] = (255, 0, 0)
    y, x = strongest(explain(predictor, image, MALIGNANT).evidence)
    assert y * 128 == pytest.approx(top, abs=8)
    assert x * 160 == pytest.approx(left, abs=10)


@pytest.mark.parametrize(
    ("width", "height", "box"), [(200, 100, (50, 0, 150, 100)), (100, 300, (0, 100, 100, 200)), (64, 64, (0, 0, 64, 64))], ids=str
)
def test_the_seen_box_is_what_fit_keeps(width: int, height: int, box: tuple[float, ...]):
    assert seen_box(width, height, CROP) == box
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    cut = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR, box=box))
    assert int(np.abs(fit(pixels, CROP).astype(int) - cut).max()) <= 1
    assert seen_box(width, height, ImageSpec(height=32, width=32)) == (0, 0, width, height)


@pytest.mark.parametrize(("top", "left"), [(44, 90), (10, 130)], ids=str)
def test_the_glow_lies_on_the_spot_where_only_the_centre_is_seen(cropping: Predictor, top: int, left: int):
    image = plain(0, 20, 0, height=100, width=200)
    image[top : top + 12, left : left + 12] = (200, 0, 0)
    heat = explain(cropping, image, MALIGNANT)
    assert heat.box == (0.25, 0, 0.75, 1)
    changed = np.abs(np.asarray(overlay(shrink(image), heat), dtype=float) - image).sum(axis=2)
    changed[:, :50] = changed[:, 150:] = 0  # dark, not glowing
    y, x = strongest(changed)
    assert (y * 100, x * 200) == (pytest.approx(top + 6, abs=5), pytest.approx(left + 6, abs=5))


def test_what_the_model_did_not_see_is_dark(cropping: Predictor):
    image = plain(0, 200, 0, height=100, width=200)
    drawn = np.asarray(overlay(shrink(image), explain(cropping, image, MALIGNANT)))
    assert drawn[:, :50].max() == drawn[:, 150:].max() == 80  # 0.4 of 200
    assert (drawn[:, 50:150] == (0, 200, 0)).all()  # green speaks against malignant: no glow


def test_no_evidence_draws_the_image_alone():
    image = Image.fromarray(plain(10, 20, 30))
    assert np.asarray(overlay(image, HeatMap(np.full((GRID, GRID), -1, np.float32), (0, 0, 1, 1)))).tolist() == np.asarray(image).tolist()
