import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.domain.errors import InputError
from components.monitor.battery import run_detectors
from components.monitor.metrics import drift_metrics
from components.monitor.monitor import judge, monitor
from components.monitor.page import summary_html


def drifted_names(table_pair, **settings) -> list[str]:
    battery = run_detectors(*table_pair, alpha=0.01, seed=0, **settings)
    return [detector.name for detector in battery.detectors if detector.drifted]


def test_a_window_like_the_reference_shows_no_drift(scene):
    scene.play()
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    assert (verdict.status, verdict.exit_code, verdict.images, verdict.reference_images) == ("no drift", 0, 120, 150)
    assert verdict.text.startswith("No drift: in none of 19 watched properties do these 120 images differ")
    assert (verdict.onset, verdict.drifted) == (None, ())


def test_darker_images_are_named_with_their_medians_and_what_to_do(scene):
    scene.play(darker=0.2)
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    assert (verdict.status, verdict.exit_code) == ("drift", 4)
    assert {"property_brightness", "property_red"} <= {detector.name for detector in verdict.drifted}
    assert re.search(r"(red|green|blue|brightness|contrast) \(median 0\.\d+ -> 0\.\d+\)", verdict.text)
    assert "It was there from the window's first image on, 2026-03-01 00:00 UTC" in verdict.text
    assert "acquisition, staining, export or upload" in verdict.text


def test_the_most_drifted_images_are_named_by_request_and_are_the_changed_ones(scene, windows):
    scene.play(current=10)
    table = pa.concat_tables([windows(150, 200, 1)[1].slice(0, 120), windows(150, 200, 1, darker=0.25)[1].slice(120, 80)])
    digest = judge(scene.log, scene.bundle, since=None).verdict.bundle
    pq.write_table(table.set_column(2, "bundle", pa.array([digest] * 200)), scene.log / "date=2026-03-01" / "a.parquet")
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    drifted = [int(each.request_id[1:]) for each in verdict.examples.drifted]
    usual = [int(each.request_id[1:]) for each in verdict.examples.usual]
    assert min(drifted) >= 120 > max(usual)
    assert verdict.examples.drifted[0].departure > 1 > verdict.examples.usual[0].departure
    assert verdict.examples.drifted[0].request_id in verdict.text
    assert all(each.nearest.startswith("r") for each in verdict.examples.drifted)
    assert f"<code>{verdict.examples.drifted[0].request_id}</code>" in summary_html(verdict)


def test_unlike_embeddings_call_for_labels(scene):
    scene.play(moved=2.0)
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    assert "embedding" in {detector.name for detector in verdict.drifted}
    assert "check the sensitivity" in verdict.text


def test_another_case_mix_is_found_in_the_predicted_classes(windows):
    assert "predicted_class" in drifted_names(windows(200, 200, 3, positive=0.7))


def test_a_drift_that_began_in_the_window_is_dated(scene, windows):
    calm, dark = windows(150, 200, 1)[1], windows(150, 200, 1, darker=0.2)[1]
    scene.play(current=10)
    table = pa.concat_tables([calm.slice(0, 120), dark.slice(120, 80)])
    digest = judge(scene.log, scene.bundle, since=None).verdict.bundle
    began = table.column("time")[120].as_py()
    folder = scene.log / "date=2026-03-01"
    pq.write_table(table.set_column(2, "bundle", pa.array([digest] * 200)), folder / "a.parquet")
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    assert abs((verdict.onset - began).total_seconds()) < 3 * 3600  # images are ten minutes apart
    assert verdict.onset.strftime("It most likely began about %Y-%m-%d %H:%M UTC") in verdict.text


@pytest.mark.parametrize("images", [0, 29])
def test_fewer_images_than_needed_claim_nothing(scene, images):
    scene.play(current=max(images, 1), darker=0.3)
    since = None if images else judge(scene.log, scene.bundle, since=None).verdict.last.replace(year=2027)
    verdict = judge(scene.log, scene.bundle, since=since).verdict
    assert (verdict.status, verdict.exit_code, verdict.images, verdict.detectors) == ("too little data", 5, images, ())
    assert f"the window holds {images} images that this model answered and at least 30 are needed" in verdict.text


def test_a_reference_window_that_is_too_small_is_said_to_be(scene):
    scene.play(reference=12)
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    assert verdict.exit_code == 5
    assert "reference window holds 12 images" in verdict.text


def test_answers_of_another_bundle_and_broken_files_are_told(scene):
    now = scene.play(current=20)
    other = now.set_column(2, "bundle", pa.array(["sha256:" + "b" * 64] * 20))
    pq.write_table(other, scene.log / "date=2026-03-01" / "other.parquet")
    (scene.log / "date=2026-03-01" / "broken.parquet").write_bytes(b"PAR1")
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    assert (verdict.images, verdict.left_out.other_bundles, len(verdict.left_out.unreadable)) == (20, 20, 1)
    assert "20 images were answered by other models and are left out" in verdict.text.lower()
    assert "1 files of the log could not be read" in verdict.text


def test_a_constant_column_is_named_and_not_watched(windows):
    battery = run_detectors(*windows(60, 60, 1), alpha=0.01, seed=0)
    assert [(each.name, each.reason) for each in battery.not_watched] == [("property_aspect", "the same value in every image")]
    assert all(np.isfinite([detector.p_value, detector.effect]).all() for detector in battery.detectors)


def test_a_column_that_was_constant_and_changed_is_drift(windows):
    reference, current = windows(60, 60, 1)
    place = current.schema.get_field_index("property_aspect")
    stretched = current.set_column(place, current.schema.field(place), pa.array([1.5] * 60, pa.float32()))
    assert drifted_names((reference, stretched)) == ["property_aspect"]


def test_a_column_without_values_is_not_watched_and_missing_values_are_passed_over(windows):
    reference, current = windows(60, 60, 1)
    for name, values in (("confidence", [None] * 60), ("distance", [float("nan")] * 20 + [0.05, 0.06] * 20), ("embedding", [[1.0]] * 60)):
        place = current.schema.get_field_index(name)
        current = current.set_column(place, current.schema.field(place), pa.array(values, current.schema.field(place).type))
    battery = run_detectors(reference, current, alpha=0.01, seed=0)
    reasons = {each.name: each.reason for each in battery.not_watched}
    assert reasons["confidence"] == reasons["embedding"] == "0 values in the current window, at least 10 are needed"
    assert "distance" in {detector.name for detector in battery.detectors}


def test_the_same_seed_gives_the_same_verdict(scene):
    scene.play(darker=0.05)
    first, second = (judge(scene.log, scene.bundle, since=None, seed=4).verdict for _ in range(2))
    assert first == second


def test_the_verdict_is_one_json_document_of_known_keys(scene):
    scene.play(darker=0.2)
    document = json.loads(judge(scene.log, scene.bundle, since=None).verdict.to_json())
    assert list(document) == [
        *("schema_version", "exit_code", "status", "model", "bundle", "images", "compared", "reference_images", "since", "until"),
        *("first", "last", "alpha", "onset", "detectors", "not_watched", "left_out", "examples", "text"),
        *("volume", "performance", "estimate", "because"),
    ]
    assert (document["schema_version"], document["status"], document["exit_code"]) == (2, "drift", 4)
    assert document["first"] == "2026-03-01T00:00:00+00:00"
    assert set(document["detectors"][0]) == {
        *("name", "words", "kind", "about", "p_value", "corrected", "effect", "drifted", "design_effect", "missing"),
        *("reference", "current", "seasonal"),
    }
    assert set(document["detectors"][0]["reference"]) == {"p10", "median", "p90"}


def test_too_little_data_writes_a_page_of_our_own_without_evidently(scene, tmp_path):
    scene.play(current=12)
    verdict = monitor(scene.log, scene.bundle, tmp_path / "out", since=None)
    page = (tmp_path / "out" / "drift.html").read_text()
    assert verdict.text.split(":")[0] in page
    assert len(page) < 10_000
    assert json.loads((tmp_path / "out" / "drift.json").read_text())["exit_code"] == 5


def test_names_from_the_card_cannot_break_the_page(scene):
    scene.play(current=12)
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    object.__setattr__(verdict, "model", "<script>alert(1)</script>")
    assert "<script>" not in summary_html(verdict)


def test_the_run_gets_numbers_and_only_counts_when_there_is_too_little_data(scene, tmp_path):
    scene.play(darker=0.2)
    metrics = drift_metrics(judge(scene.log, scene.bundle, since=None).verdict)
    assert metrics["drift"] == 1.0
    assert metrics["drift_columns"] >= 5
    few = judge(scene.log, scene.bundle, since=None, min_images=500).verdict
    assert drift_metrics(few) == {"drift_images": 120.0}


@pytest.mark.parametrize(("settings", "words"), [({"alpha": 0.5}, "alpha must lie in"), ({"min_images": 3}, "min_images must be")])
def test_settings_that_would_mislead_are_refused(scene, settings, words):
    scene.play(current=12)
    with pytest.raises(InputError, match=words):
        judge(scene.log, scene.bundle, since=None, **settings)


def test_a_directory_without_a_card_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"card\.json"):
        judge(tmp_path, tmp_path, since=None)
