"""The champion on the challenger's test images: which of them it may have seen, and what it says of the others."""

import dataclasses
import zlib

import mlflow
import numpy as np
import pytest

from components.domain.artifacts import SPLITS, held_out_file, read_dataset, write_certified
from components.domain.candidates import Candidates
from components.domain.names import CHAMPION
from components.evaluate.evaluate import evaluate_model
from components.promote.again import score_again, unseen_rows
from components.promote.ledger_store import ledger_name, read_ledger
from components.promote.policy import Policy, policy_text
from components.promote.promotion import decide_version, promote_version
from components.promote.registry import alias_of
from components.register.register import register_model
from components.tracking.mlflow_tracker import open_run

NAME = "lobule-tiny"
POINT = {"target_sensitivity": 0.95, "sensitivity": 0.96, "specificity": 0.8}
GENTLE = {
    "min_test_images": 6,
    "min_test_groups": 3,
    "min_auc_low": 0.0,
    "min_sensitivity": 0.4,
    "sensitivity_margin": 1.0,
    "auc_margin": 1.0,
    "max_ece": 1.0,
}
ELSEWHERE = (("other", "benign", "patient-x", "train"),)


@pytest.fixture
def dataset(write_dataset, bundles, tmp_path):
    return write_dataset(tmp_path / "dataset", bundles)


@pytest.fixture
def bundle(bundles, tmp_path):
    return bundles.write_bundle(tmp_path / "champion")


def row(number, *, label="malignant", group=0, split="train", seed=0):
    return (f"test-{label}-{number:02}-{seed}", label, f"test-{label}-{group}", split)


@pytest.mark.parametrize(
    ("case", "seen", "dropped", "groups", "unknown"),
    [
        ("images of elsewhere", ELSEWHERE, 0, 0, 1),
        ("an image it learnt from, and the other one of its patient", (row(0),), 2, 1, 0),
        ("an image it was tuned on", (row(3, group=1, split="validation"),), 2, 1, 0),
        ("an image it was tested on", (row(0, split="test"),), 0, 0, 0),
        ("a patient it learnt from by another image", (("gone", "malignant", "test-malignant-2", "train"),), 2, 1, 1),
        (
            "a patient that was called otherwise then",
            (("gone", "benign", "p", "train"), ("test-benign-04-0", "benign", "p", "test")),
            2,
            1,
            1,
        ),
    ],
)
def test_what_the_champion_may_have_seen_is_left_out_by_whole_groups(dataset, case, seen, dropped, groups, unknown):
    found = unseen_rows(read_dataset(dataset), seen)
    assert (len(found.rows), found.dropped_images, found.dropped_groups, found.unknown) == (16 - dropped, dropped, groups, unknown), case


def test_its_scores_are_those_of_the_predictor_on_the_images_that_are_left(dataset, bundle, bundles):
    again = score_again(bundle, dataset, read_dataset(dataset).certificate.digest, seen=(row(0),))
    assert len(again.predictions.ids) == 14 and "test-malignant-00-0" not in again.predictions.ids
    data = read_dataset(dataset)
    place = data.column("id").index("test-malignant-07-0")
    scored = again.predictions.scored.probabilities[again.predictions.ids.index("test-malignant-07-0")]
    assert scored == pytest.approx(bundles.expected(data.pixels[place]), abs=1e-4)
    assert again.predictions.scored.predicted.sum() == 6  # of six malignant ones all but the 90, and the benign 140


def test_a_champion_of_another_size_takes_what_was_kept_at_full_size(dataset, tmp_path, bundles):
    from PIL import Image

    larger = bundles.write_bundle(tmp_path / "larger", image={"height": 32, "width": 32, "fit": "crop"})
    data = read_dataset(dataset)
    for place, identity in enumerate(data.column("id")):
        if identity.startswith("test") and not identity.endswith("-07-0"):
            file = held_out_file(dataset, identity)
            file.parent.mkdir(exist_ok=True)
            Image.fromarray(np.repeat(np.repeat(data.pixels[place], 2, 0), 2, 1)).save(file)
    again = score_again(larger, dataset, data.certificate.digest, seen=ELSEWHERE)
    assert (len(again.predictions.ids), again.unsized) == (14, 2)


@pytest.mark.parametrize(
    ("case", "changes", "why"),
    [
        ("nothing is known of its data", {"seen": None}, "what the champion was trained on is not kept"),
        ("the data is another one", {"certificate": "sha256:0"}, "holds other data than the challenger"),
        ("every malignant image was seen", {"seen": tuple(row(n, group=n // 2) for n in range(8))}, "there is none of malignant"),
    ],
)
def test_why_a_champion_cannot_be_scored_again_is_said(dataset, bundle, case, changes, why):
    given = {"certificate": read_dataset(dataset).certificate.digest, "seen": ELSEWHERE} | changes
    found = score_again(bundle, dataset, **given)
    assert isinstance(found, str) and why in found, (case, found)


@pytest.fixture
def versions(store, bundles, write_dataset, evidence, tmp_path):
    """Two versions, each trained and evaluated on data of its own; returns the data sets."""
    places = []
    for number in (1, 2):
        data, candidates, report = (tmp_path / f"{name}-{number}" for name in ("data", "candidates", "report"))
        write_dataset(data, bundles, seed=zlib.crc32(tmp_path.name.encode()) + number)  # MLflow takes equal data for the same place
        write_certified(data, [row for split in SPLITS for row in read_dataset(data).certified_rows(split)])
        certificate = read_dataset(data).certificate
        card = {
            "dataset": certificate.dataset,
            "certificate": certificate.digest,
            "operating_point": {**POINT, "threshold": (0.31, 0.9)[number - 1]},
        }
        bundles.write_bundle(candidates / "seed-0", **card)
        Candidates("seed-0", {"seed-0": 0.9}).write(candidates)
        found = dataclasses.replace(evaluate_model(candidates, data, report, draws=20), robustness=evidence.robust(0.0))
        found.write(report)
        evidence.service_of(found).write(report)
        with open_run(f"{tmp_path.name}-{number}") as tracker:
            mlflow.log_artifacts(str(report))
            register_model(candidates, data, run=f"{tmp_path.name}-{number}", tracker=tracker)
        places.append(data)
    yield places
    for name in (NAME, ledger_name(NAME)):
        store.delete_registered_model(name)


def test_when_the_data_changed_the_gate_compares_both_on_the_challengers_test_images(versions, tmp_path):
    policy = dataclasses.replace(Policy.from_toml(policy_text()), **GENTLE)
    given = {"policy": policy, "cache": tmp_path / "cache"}
    asked = {"reason": "", "force": False, "actor": "ann"}
    assert promote_version(NAME, "1", **asked, **given).outcome == "promote"
    decision = promote_version(NAME, "2", **asked, **given)
    assert decision.outcome == "promote" and alias_of(NAME, CHAMPION) == "2", decision.reasons
    assert any("scored again on 16 of the challenger's test images" in reason for reason in decision.reasons)
    differences = dict(decision.differences)  # only the threshold differs: at 0.9 the malignant 150, 160 and 180 are missed besides the 90
    assert differences["auc"].value == 0.0 and differences["sensitivity"].value == -3 / 8
    assert read_ledger(NAME).problems == ()


def test_where_the_data_is_not_at_hand_the_kept_scores_count_and_without_them_it_cannot_be_told(versions, tmp_path):
    policy = dataclasses.replace(Policy.from_toml(policy_text()), **GENTLE)
    given = {"policy": policy, "cache": tmp_path / "cache"}
    promote_version(NAME, "1", reason="", force=False, actor="ann", **given)
    aside = versions[1].rename(tmp_path / "aside")
    told = decide_version(NAME, "2", **given)
    assert told.outcome == "cannot tell" and "which is not on this machine" in told.reasons[0]
    there = decide_version(NAME, "2", dataset=aside, **given)
    assert there.outcome == "promote", there.reasons
    kept = decide_version(NAME, "2", **given)  # without the data, from what the decision before has kept
    assert (kept.outcome, kept.differences) == (there.outcome, there.differences)
