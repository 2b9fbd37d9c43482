import json
import re
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from components.domain.artifacts import PIXELS_FILE, SPLITS, read_dataset
from components.domain.errors import InputError, RefusedError
from components.domain.metrics import Scored
from components.domain.predictions import read_predictions
from components.domain.report import Report
from components.domain.tracking import NoTracker
from components.evaluate.curves import classification_curves
from components.evaluate.error_sheet import draw_errors, worst_errors
from components.evaluate.evaluate import evaluate_model
from components.evaluate.plots import PLOTS
from components.evaluate.record import log_report
from serving.heatmap import explain
from serving.pictures import overlay
from serving.predictor import Predictor


class Recorder(NoTracker):
    """A tracker that remembers."""

    def __init__(self):
        self.values, self.facts, self.files = {}, {}, []

    def metrics(self, values, step=None):
        self.values |= dict(values) if step is None else {f"{name} at {step}": value for name, value in values.items()}

    def tags(self, values):
        self.facts |= dict(values)

    def file(self, path):
        assert path.stat().st_size > 0
        self.files.append(path.name)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "report"


def test_the_report_holds_the_values_worked_by_hand(dataset, write_candidates, output):
    report = evaluate_model(write_candidates(dataset), dataset, output, draws=200)
    values = {name: interval.value for name, interval in report.metrics.items()}
    assert (report.images, report.groups, report.positive, report.leaking) == (16, 8, "malignant", False)
    assert values["sensitivity"] == 7 / 8 and values["specificity"] == 7 / 8 and values["accuracy"] == 14 / 16
    assert values["auc"] == pytest.approx(63 / 64)  # only the pair of the 90 and the 140 is the wrong way round
    assert report.per_class["benign"]["recall"].value == 7 / 8
    assert report.seeds["sensitivity"] == [1.0, 7 / 8]  # seed 0 is half as sure and finds the 90
    assert all(part.low <= part.value <= part.high for name, part in report.metrics.items() if name != "ece")
    assert report.metrics["auc"].low < 63 / 64
    assert Report.read(output) == report and report.confusion == [[7, 1], [1, 7]]
    assert report.operating_point.threshold == 0.31 and report.validation_coverage == 1.0 and sum(report.verdicts.values()) == 16
    assert report.seeds.keys() == report.metrics.keys()
    assert report.test == read_dataset(dataset).certificate.splits["test"]


def test_a_report_of_an_earlier_version_is_read_without_what_it_lacks(evaluated, tmp_path):
    report = evaluated.report
    written = json.loads((evaluated.output / "report.json").read_text())
    later = ("confusion", "verdicts", "operating_point", "limits", "validation_coverage", "patients", "slices", "robustness")
    (tmp_path / "report.json").write_text(json.dumps({name: value for name, value in written.items() if name not in later}))
    assert Report.read(tmp_path).metrics == report.metrics and Report.read(tmp_path).robustness is None
    (tmp_path / "report.json").write_text(json.dumps({name: value for name, value in written.items() if name != "metrics"}))
    with pytest.raises(InputError, match="evaluate the model again"):
        Report.read(tmp_path)


def test_predictions_hold_every_seed_and_are_those_of_the_predictor(evaluated, bundles):
    report, output = evaluated.report, evaluated.output
    table = pq.read_table(output / "predictions.parquet").to_pylist()
    assert len(table) == 32 and {row["split"] for row in table} == {"test"} and {row["seed"] for row in table if row["chosen"]} == {1}
    missed = next(row for row in table if row["chosen"] and row["id"].startswith("test-malignant-04"))
    assert missed["predicted_class"] == "benign" and missed["group"] == "test-malignant-2"
    assert missed["probabilities"] == pytest.approx(bundles.expected(bundles.plain(90, 165, 20)), abs=1e-3)
    read = read_predictions(output, report)
    assert len(read.ids) == 16 and read.ids == sorted(read.ids)


def test_coverage_is_the_share_that_the_service_answers(evaluated):
    report, output = evaluated.report, evaluated.output
    rows = [row for row in pq.read_table(output / "predictions.parquet").to_pylist() if row["chosen"]]
    assert report.metrics["coverage"].value == sum(row["verdict"] == "accept" for row in rows) / 16


def test_plots_are_readable_images_and_the_page_needs_nothing_else(evaluated):
    output = evaluated.output
    for name in PLOTS:
        with Image.open(output / name) as image:
            assert min(image.size) > 100, name
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "Too few groups for an interval" in page  # four patients a class
    assert "It finds 7 of 8 malignant images (88%) and calls 1 of 8 others malignant (12%)." in page
    assert page.count("data:image/png;base64,") == len(PLOTS) + 1 and "prefers-color-scheme" in page
    assert "Loss, accuracy and AUC of the chosen model by epoch" in page  # the picture that training left
    assert not re.search(r'(src|href)="(?!data:|#)', page) and len(page) < 3_000_000
    for section in re.findall(r'href="#(.*?)"', page):
        assert f'<section id="{section}">' in page


def test_the_most_confident_error_comes_first(evaluated):
    report, output = evaluated.report, evaluated.output
    predictions = read_predictions(output, report)
    assert [predictions.ids[place][:17] for place in worst_errors(predictions.scored)] == ["test-malignant-04", "test-benign-04-0"]


def test_the_error_sheet_shows_each_error_beside_the_heat_map_of_the_service(evaluated):
    scored = read_predictions(evaluated.output, evaluated.report).scored
    dataset, predictor = read_dataset(evaluated.dataset), Predictor.load(evaluated.dataset.parent / "candidates" / "seed-1")
    order = np.argsort([dataset.column("id")[row] for row in dataset.rows("test")], kind="stable")
    rows = Scored(*(part[np.argsort(order)] for part in (scored.labels, scored.probabilities, scored.predicted)), scored.positive)
    shown = [axes.images[0].get_array() for axes in draw_errors(rows, dataset, predictor).axes]
    missed, other = (np.asarray(dataset.pixels[dataset.rows("test")[place]]) for place in worst_errors(rows))
    assert np.array_equal(shown[0], missed) and np.array_equal(shown[2], other)
    for place, image in ((1, missed), (3, other)):
        said = predictor.predict([image])[0].predicted_class
        assert np.array_equal(shown[place], np.asarray(overlay(Image.fromarray(image), explain(predictor, image, said))))


def test_a_split_without_errors_says_so(evaluated):
    scored = read_predictions(evaluated.output, evaluated.report).scored
    right = replace(scored, predicted=scored.labels)
    dataset, predictor = read_dataset(evaluated.dataset), Predictor.load(evaluated.dataset.parent / "candidates" / "seed-1")
    assert [text.get_text() for text in draw_errors(right, dataset, predictor).texts] == ["no errors on the test split"]


def test_curves_are_plain_and_finite(evaluated):
    curves = classification_curves(evaluated.output, evaluated.report)
    assert curves.confusion == [[7, 1], [1, 7]]
    text = json.dumps([curves.false_positive_rate, curves.true_positive_rate, curves.threshold], allow_nan=False)
    assert json.loads(text)[0][0] == 0.0 and curves.true_positive_rate[-1] == 1.0


def test_what_is_recorded_is_named_as_agreed(evaluated):
    report, output = evaluated.report, evaluated.output
    recorder = Recorder()
    log_report(report, output, recorder)
    assert recorder.values["test/auc"] == report.metrics["auc"].value
    assert recorder.values["test interval/auc_low"] <= recorder.values["test/auc"] <= recorder.values["test interval/auc_high"]
    assert recorder.values["test seeds/sensitivity_mean"] == pytest.approx(15 / 16)
    assert recorder.values["test seeds/sensitivity_std"] == pytest.approx(0.125 / 2**0.5)  # of the sample: 1 and 7/8
    assert (recorder.values["test/seeds"], recorder.values["test/images"]) == (2, 16)
    cell = report.robustness.corrupted["darker"][5]
    assert recorder.values["test corrupted/darker sensitivity at 5"] == cell["sensitivity"].value
    assert recorder.values["test corrupted/darker sensitivity at 0"] == 7 / 8
    assert recorder.values["test/patient_sensitivity"] == report.patients.metrics["sensitivity"].value == 1.0  # 90 and 230: mean above
    assert recorder.facts["lobule.leaking"] == "false" and recorder.facts["lobule.bundle"] == report.bundle
    assert set(recorder.files) == {"report.json", "predictions.parquet", "report.html", *PLOTS}


def test_one_seed_has_no_deviation(evaluated):
    report, output = evaluated.report, evaluated.output
    recorder = Recorder()
    log_report(replace(report, seeds={"auc": [0.9]}), output, recorder)
    assert recorder.values["test seeds/auc_std"] == 0


def test_four_groups_a_class_state_no_interval_and_say_so(dataset, write_candidates, output, caplog):
    caplog.set_level("INFO", logger="components")
    report = evaluate_model(write_candidates(dataset), dataset, output, draws=20)
    assert {(part.low, part.high) for name, part in report.metrics.items() if name not in ("log_loss", "kappa")} == {(0.0, 1.0)}
    assert (report.metrics["kappa"].low, report.metrics["kappa"].high) == (-1.0, 1.0)
    assert "test AUC 0.984, too few groups for an interval (a class has 4; 5 are needed)" in caplog.text
    recorder = Recorder()
    log_report(report, output, recorder)
    assert "Too few groups for an interval" in recorder.facts["mlflow.note.content"]


def test_equal_seeds_give_the_same_report(dataset, write_candidates, tmp_path):
    candidates = write_candidates(dataset)
    first, again = (evaluate_model(candidates, dataset, tmp_path / name, draws=50, seed=4) for name in ("first", "again"))
    assert first == again


def test_a_model_of_other_data_is_refused_because_it_may_have_seen_the_test_images(dataset, write_candidates, output):
    with pytest.raises(RefusedError, match="may have seen"):
        evaluate_model(write_candidates(dataset, dataset="sha256:" + "9" * 64), dataset, output)


def test_a_test_split_that_was_changed_is_refused(dataset, write_candidates, output):
    candidates = write_candidates(dataset)
    table = pq.read_table(dataset / "manifest.parquet")
    labels = ["benign"] * table.num_rows
    pq.write_table(
        table.set_column(table.schema.get_field_index("label"), table.schema.field("label"), [labels]), dataset / "manifest.parquet"
    )
    with pytest.raises(RefusedError, match="certified"):
        evaluate_model(candidates, dataset, output)


def test_a_bundle_with_other_classes_is_refused(dataset, write_candidates, output):
    with pytest.raises(InputError, match="same classes"):
        evaluate_model(write_candidates(dataset, classes=("clear", "malignant")), dataset, output)


def test_data_of_another_image_size_is_refused(dataset, write_candidates, output):
    candidates = write_candidates(dataset)
    pixels = np.load(dataset / PIXELS_FILE)
    np.save(dataset / PIXELS_FILE, pixels[:, :16, :16])
    smaller = read_dataset(dataset)
    replace(smaller.certificate, pixels={split: smaller.pixels_digest(split) for split in SPLITS}).write(dataset)
    with pytest.raises(InputError, match="image size"):
        evaluate_model(candidates, dataset, output)


def test_a_damaged_bundle_is_named(dataset, write_candidates, output):
    candidates = write_candidates(dataset)
    (candidates / "seed-1" / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match="seed-1"):
        evaluate_model(candidates, dataset, output)


def test_a_leaking_model_is_marked(dataset, write_candidates, output):
    report = evaluate_model(write_candidates(dataset, leaking=True), dataset, output, draws=20)
    assert report.leaking and "protocol that leaks" in (output / "report.html").read_text(encoding="utf-8")


def test_an_oracle_is_marked_and_tested_on_cut_images_alone(dataset, write_candidates, output):
    candidates = write_candidates(dataset, oracle=True)
    with pytest.raises(InputError, match="learnt from images cut down to their lesion masks and the data holds whole images"):
        evaluate_model(candidates, dataset, output, draws=20)
    table = pq.read_table(dataset / "manifest.parquet")
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"oracle": b"true"}), dataset / "manifest.parquet")
    report = evaluate_model(candidates, dataset, output, draws=20)
    assert report.oracle and "those of an oracle" in (output / "report.html").read_text(encoding="utf-8")
    assert Report.read(output).oracle
