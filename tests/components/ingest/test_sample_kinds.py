"""What a sample looks like to a model: names say the group, colour says nothing, texture says something but not all."""

import re
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from components.ingest.sample.fields import Outline, generator, smooth_field, soft_step
from components.ingest.sample.histology import Histology
from components.ingest.sample.idc import Idc
from components.ingest.sample.lesion import draw_lesion
from components.ingest.sample.stain import Stain, photograph
from components.ingest.sample.ultrasound import Ultrasound


def test_a_histology_name_carries_the_patient_and_a_patient_has_one_diagnosis():
    diagnoses = defaultdict(set)
    for shot in Histology(600, 0).shots():
        match = re.fullmatch(r"(benign|malignant)/(p\d{3})_(\d{3})\.png", shot.path)
        assert match and match[2] == shot.group
        diagnoses[shot.group].add(match[1])
    assert all(len(labels) == 1 for labels in diagnoses.values())
    assert sorted(sum(labels == {label} for labels in diagnoses.values()) for label in ("benign", "malignant")) == [60, 60]


def test_an_ultrasound_name_is_that_of_busi():
    shots = Ultrasound(300, 0).shots()
    for shot in shots:
        assert re.fullmatch(rf"Dataset_BUSI_with_GT/{shot.label}/{shot.label} \(\d+\)\.png", shot.path)
        assert shot.masks[0] == shot.path.replace(".png", "_mask.png")
        assert shot.masks[1:] in ((), (shot.path.replace(".png", "_mask_1.png"),))
    assert sum(len(shot.masks) == 2 for shot in shots) >= 3
    assert [sum(shot.label == label for shot in shots) for label in ("normal", "benign", "malignant")] == [51, 168, 81]


def test_an_idc_name_carries_slide_place_and_class_and_every_slide_holds_both():
    classes = defaultdict(set)
    shots = Idc(600, 0).shots()
    for shot in shots:
        match = re.fullmatch(r"(\d+)/([01])/\1_idx5_x(\d+)_y(\d+)_class\2\.png", shot.path)
        assert match and match[1] == shot.group and int(match[3]) % 50 == int(match[4]) % 50 == 1
        classes[shot.group].add(match[2])
    assert len(classes) == 10 and set(map(frozenset, classes.values())) == {frozenset({"0", "1"})}
    assert len({shot.path for shot in shots}) == 600


def _texture(pixels: np.ndarray) -> list[float]:
    """Contrast-free texture: strength and tails of band-passed gray values at several scales."""
    gray = pixels.mean(axis=2)
    gray = (gray - gray.mean()) / gray.std()
    bands = [fine - coarse for fine, coarse in pairwise([ndimage.gaussian_filter(gray, sigma) for sigma in (0.7, 1.2, 2, 3.3, 5.5, 9)])]
    return [value for band in bands for value in (band.std(), np.percentile(band, 2), np.percentile(band, 98))]


@pytest.fixture(scope="module")
def tiles() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    kind = Histology(360, 5)
    shots = kind.shots()
    pixels = [kind.paint(shot.scene)[0].pixels for shot in shots]
    return pixels, np.array([shot.label == "malignant" for shot in shots]), np.array([shot.group for shot in shots])


def _auc(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=2000))
    scores = cross_val_predict(model, features, labels, groups=groups, cv=GroupKFold(5), method="predict_proba")
    return float(roc_auc_score(labels, scores[:, 1]))


def test_colour_does_not_tell_malignant_from_benign_but_texture_does(tiles):
    pixels, labels, groups = tiles
    colour = np.array([[*tile.mean(axis=(0, 1)), *tile.std(axis=(0, 1))] for tile in pixels])
    texture = np.array([_texture(tile) for tile in pixels])
    assert 0.3 < _auc(colour, labels, groups) < 0.68
    assert 0.8 < _auc(texture, labels, groups) < 0.99


def test_a_picture_depends_on_its_own_key_alone():
    for kind in (Histology(60, 2), Ultrasound(60, 2), Idc(60, 2)):
        forwards = [kind.paint(scene)[0].pixels for scene in (0, 1)]
        backwards = [type(kind)(60, 2).paint(scene)[0].pixels for scene in (1, 0)]
        assert np.array_equal(forwards[0], backwards[1]) and np.array_equal(forwards[1], backwards[0])
        assert not np.array_equal(forwards[0], forwards[1])


def test_no_stain_leaves_the_white_of_the_lamp_and_haematoxylin_absorbs_red_more_than_blue():
    stain = Stain((0.6, 0.75, 0.3), (0.15, 0.9, 0.35), (0.9, 0.9, 0.9), noise=0.0)
    clear, dyed = np.zeros((32, 32), np.float32), np.ones((32, 32), np.float32)
    empty, nucleus = (photograph(dye, clear, stain, generator(0)).mean(axis=(0, 1)) for dye in (clear, dyed))
    assert empty == pytest.approx([229.5] * 3, rel=0.06)
    assert nucleus / empty == pytest.approx(np.exp([-0.6, -0.75, -0.3]), abs=0.01)


def test_a_benign_lesion_is_wider_than_tall_and_enhances_and_a_malignant_one_is_not_and_shadows():
    lesions = {m: [draw_lesion(generator(seed), (200, 240), m, side=0) for seed in range(60)] for m in (0.1, 0.9)}
    aspect = {m: np.median([lesion.outline.aspect for lesion in group]) for m, group in lesions.items()}
    behind = {m: np.mean([lesion.behind for lesion in group]) for m, group in lesions.items()}
    assert aspect[0.1] > 1.4 and aspect[0.9] < 1.15
    assert behind[0.1] > 5 and behind[0.9] < -5


def test_fields_have_about_unit_variance_and_the_shape_asked_for():
    field = smooth_field(generator(1), (200, 300), 5.0)
    assert field.shape == (200, 300) and field.dtype == np.float32
    assert 0.7 < field.std() < 1.3
    assert soft_step(np.array([[-9.0, 0.0, 9.0]], np.float32), 1.0).tolist()[0] == pytest.approx([0, 0.5, 1], abs=1e-6)


def test_an_outline_without_waves_is_an_ellipse():
    ellipse = Outline(generator(0), radius=10, aspect=4, angle=0.0, rough=0.0)
    assert ellipse.at(np.array([0.0, np.pi / 2])) == pytest.approx([20, 5])  # half axes 10 * sqrt(4) and 10 / sqrt(4)
    assert ellipse.reach == pytest.approx(20, rel=1e-3)
