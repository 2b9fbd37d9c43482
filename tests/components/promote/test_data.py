"""A certificate is believed only if it can be counted again from the certified rows."""

import dataclasses

import pytest

from components.domain.artifacts import read_certified, write_certified
from components.domain.certificate import Certificate, rows_digest
from components.promote.data import verify_data


@pytest.fixture
def kept(evidence, tmp_path):
    """What a run keeps, and the report and predictions that go with it."""
    report, predictions = evidence.model(images=60)
    return evidence.write(tmp_path / "run", report, predictions), report, predictions


def recertified(directory, report, **changes):
    """Write another certificate and return the report that names it."""
    certificate = dataclasses.replace(Certificate.read(directory), **changes)
    certificate.write(directory)
    return dataclasses.replace(report, certificate=certificate.digest)


def test_a_certificate_that_holds_gives_the_rows(kept):
    directory, report, predictions = kept
    data = verify_data(directory, report, predictions)
    assert (data.faults, data.unproven) == ((), ()) and len(data.rows) == 64


@pytest.mark.parametrize("name", ["certificate.json", "certified.parquet"])
def test_what_is_not_kept_cannot_be_verified(kept, name):
    directory, report, predictions = kept
    (directory / name).unlink()
    data = verify_data(directory, report, predictions)
    assert data.faults == () and data.rows is None and f"holds no {name}" in data.unproven[0]


def test_a_certificate_of_something_else_is_found(kept):
    directory, report, predictions = kept
    assert (
        "not the certificate that the report names"
        in verify_data(directory, dataclasses.replace(report, certificate="x"), predictions).faults[0]
    )
    assert "another data set" in verify_data(directory, dataclasses.replace(report, dataset="x"), predictions).faults[0]
    assert "test split is not the certified one" in verify_data(directory, dataclasses.replace(report, test="x"), predictions).faults[0]


def test_rows_that_were_changed_are_found(kept):
    directory, report, predictions = kept
    rows = read_certified(directory)
    write_certified(directory, [(rows[0][0], "benign" if rows[0][1] != "benign" else "malignant", *rows[0][2:]), *rows[1:]])
    assert "does not hold" in verify_data(directory, report, predictions).faults[0]


def test_leaks_are_counted_again_whatever_the_certificate_says(kept):
    directory, report, predictions = kept
    changed = recertified(directory, report, edges_across_splits=1)
    assert "look-alikes lie in different splits" in verify_data(directory, changed, predictions).faults[0]
    rows = [(name, label, "patient-0001" if split == "train" else group, split) for name, label, group, split in read_certified(directory)]
    write_certified(directory, rows)
    splits = {split: rows_digest(row for row in rows if row[3] == split) for split in ("train", "validation", "test")}
    changed = recertified(directory, report, edges_across_splits=0, dataset=rows_digest(rows), splits=splits)
    changed = dataclasses.replace(changed, dataset=rows_digest(rows))
    [fault] = verify_data(directory, changed, predictions).faults
    assert "groups have images in different splits" in fault


def test_predictions_of_other_images_are_found(kept):
    directory, report, predictions = kept
    other = dataclasses.replace(predictions, ids=[f"{name}x" for name in predictions.ids])
    [fault] = verify_data(directory, report, other).faults
    assert "predictions are not of the certified test images" in fault
