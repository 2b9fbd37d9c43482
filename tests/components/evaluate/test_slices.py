import json

import numpy as np
import pyarrow as pa
import pytest

from components.domain.artifacts import read_dataset
from components.domain.metrics import Scored
from components.domain.report import Interval
from components.domain.slicing import gather
from components.evaluate.slices import IMAGE_SIZE, measure_slices, slice_columns
from serving.contract import Verdict

ACCEPT, ABSTAIN = Verdict.ACCEPT, Verdict.ABSTAIN


def scored_of(labels, scores):
    column = np.array(scores, dtype=float)
    return Scored(np.array(labels), np.stack([1 - column, column], axis=1), (column >= 0.5).astype(np.int64), positive=1)


def measured(scored, columns, groups=None, verdicts=None):
    count = len(scored.labels)
    given = {"columns": columns, "classes": ("benign", "malignant"), "draws": 100, "seed": 0}
    return measure_slices(scored, verdicts or [ACCEPT] * count, groups or [str(place) for place in range(count)], **given)


def with_columns(dataset, **columns):
    data = read_dataset(dataset)
    table = data.table
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values, table.schema.field(name).type))
    return type(data)(table, data.pixels, data.classes, data.certificate, data.spec)


def test_each_value_has_its_own_counts_and_metrics():
    scored = scored_of([0, 1, 0, 1, 1], [0.1, 0.9, 0.6, 0.4, 0.8])
    found = measured(scored, {"site": ["a", "a", "b", "b", "b"]}, verdicts=[ACCEPT, ACCEPT, ABSTAIN, ACCEPT, ACCEPT])["site"]
    assert (found["a"].images, found["a"].groups, found["a"].classes) == (2, 2, {"benign": 1, "malignant": 1})
    values = {name: each.value for name, each in found["b"].metrics.items()}
    assert values == {
        "accuracy": pytest.approx(1 / 3),
        "coverage": pytest.approx(2 / 3),
        "sensitivity": 1 / 2,
        "specificity": 0.0,
        "auc_positive": 1 / 2,  # the 0.6 lies above the 0.4 and below the 0.8
    }


def test_a_subtype_of_one_class_has_its_share_that_is_found_and_no_auc():
    found = measured(scored_of([0, 1, 1], [0.1, 0.9, 0.4]), {"subtype": ["A", "DC", "DC"]})["subtype"]
    assert set(found["DC"].metrics) == {"accuracy", "coverage", "sensitivity"} and found["DC"].metrics["sensitivity"].value == 0.5
    assert set(found["A"].metrics) == {"accuracy", "coverage", "specificity"}


def test_fewer_than_five_groups_state_no_interval_and_five_do():
    scored = scored_of([0, 1] * 6, [0.1, 0.9] * 5 + [0.1, 0.2])
    few = measured(scored, {"x": ["same"] * 12}, groups=[str(place % 4) for place in range(12)])["x"]["same"].metrics
    assert (few["accuracy"].low, few["accuracy"].high) == (0.0, 1.0)
    many = measured(scored, {"x": ["same"] * 12})["x"]["same"].metrics
    assert 0 < many["sensitivity"].low < 5 / 6 < many["sensitivity"].high <= 1
    assert many["specificity"] == Interval(1.0, pytest.approx(6 / (6 + 1.959964**2)), 1.0)  # none wrong: Wilson on six groups


def test_the_interval_of_a_slice_is_that_of_its_images_alone():
    scored = scored_of([0, 1] * 20, [0.1, 0.9] * 10 + [0.9, 0.1] * 10)
    found = measured(scored, {"half": ["good"] * 20 + ["bad"] * 20})["half"]
    assert found["good"].metrics["auc_positive"].value == 1 and found["bad"].metrics["auc_positive"].value == 0
    assert found["bad"].metrics["accuracy"].high < 0.5


def test_columns_come_from_the_manifest_and_a_value_that_is_missing_is_unknown(dataset):
    rows = read_dataset(dataset).rows("test")
    count = read_dataset(dataset).table.num_rows
    known = [json.dumps({"magnification": str(40 * (1 + row % 2))} if row % 3 else {}) for row in range(count)]
    columns = slice_columns(with_columns(dataset, slices=known), rows)
    assert set(columns) == {"magnification"}  # size and mode are the same for all
    assert columns["magnification"] == ["unknown" if row % 3 == 0 else str(40 * (1 + row % 2)) for row in rows.tolist()]
    assert list(measured(scored_of([0, 1] * 8, [0.1, 0.9] * 8), columns)["magnification"]) == ["40", "80", "unknown"]


def test_few_sizes_are_named_and_many_become_bands_of_the_shorter_side(dataset):
    data = read_dataset(dataset)
    rows, count = data.rows("test"), data.table.num_rows
    few = slice_columns(with_columns(dataset, width=[64 + 32 * (row % 2) for row in range(count)]), rows)
    assert set(few[IMAGE_SIZE]) == {"64 x 32", "96 x 32"}
    sides = [100 + 10 * row for row in range(count)]
    many = slice_columns(with_columns(dataset, width=sides, height=sides), rows)
    assert len(set(many[IMAGE_SIZE])) == 4 and "260 to 297.5" in many[IMAGE_SIZE]  # the 16 test images have 260 to 410


def test_many_words_keep_the_most_frequent_and_many_numbers_become_bands(dataset):
    data = read_dataset(dataset)
    rows, count = data.rows("test"), data.table.num_rows
    known = [json.dumps({"x": str(row * 50), "remark": f"r{row}"}) for row in range(count)]
    columns = slice_columns(with_columns(dataset, slices=known), rows)
    assert len(set(columns["x"])) == 4
    assert columns["remark"] == ["16 different values"] * 16


def test_of_many_words_those_of_few_images_are_taken_together():
    wards = [*["main"] * 6, *["east"] * 5, *["west"] * 4, *(f"w{number}" for number in range(12))]
    assert gather(wards) == [*["main"] * 6, *["east"] * 5, *["13 others"] * 16]
