"""Two equally good models, many times over: how often chance alone tells them apart."""

import numpy as np
import pytest

from components.compare.agreement import mcnemar
from components.compare.areas import areas

PATIENTS, IMAGES, TIMES = 60, 4, 400


@pytest.fixture(scope="module")
def alarms():
    """Shares of alarms at 5 %: images of a patient are alike, so four of them are not four cases."""
    random = np.random.default_rng(0)
    patient = np.repeat(np.arange(PATIENTS), IMAGES)
    truth, groups, alone = patient % 2 == 0, patient.astype(str).tolist(), np.arange(len(patient)).astype(str).tolist()
    found = {"areas": 0, "areas by image": 0, "shares": 0, "shares by image": 0}
    for _ in range(TIMES):
        scores = 1.5 * truth + 0.8 * random.normal(size=(2, PATIENTS))[:, patient] + 0.6 * random.normal(size=(2, len(patient)))
        right = (scores > 0.75) == truth
        shares = mcnemar(right[0], right[1], groups)
        found["areas"] += areas(scores, truth, groups).p_value() < 0.05
        found["areas by image"] += areas(scores, truth, alone).p_value() < 0.05
        found["shares"] += shares.p_groups < 0.05
        found["shares by image"] += shares.p_images < 0.05
    return {name: count / TIMES for name, count in found.items()}


@pytest.mark.parametrize("name", ["areas", "shares"])
def test_chance_tells_equal_models_apart_once_in_twenty(alarms, name):
    assert 0.015 < alarms[name] < 0.085


@pytest.mark.parametrize("name", ["areas by image", "shares by image"])
def test_counting_images_instead_of_patients_would_raise_three_times_as_many_alarms(alarms, name):
    assert alarms[name] > 0.15
