import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_bundle import SIDE, card, expected, graph, plain, write_bundle

from serving.contract import PROPERTIES, ContractError, ImageSpec, Verdict, tree_digest
from serving.openvino_graph import sizes_for
from serving.predictor import Predictor, softmax


@pytest.fixture(scope="module")
def predictor(bundle: Path) -> Predictor:
    return Predictor.load(bundle)


def test_scores_are_those_worked_out_by_hand(predictor: Predictor):
    # red 1, green 0: logits (-4, 4) / temperature 2 -> softmax(-2, 2)
    scores = predictor.scores(plain(255, 0, 0)[None])
    assert scores.probabilities[0] == pytest.approx([0.0179862, 0.9820138], abs=1e-6)
    assert scores.embedding[0] == pytest.approx([1.0, 0.0, 0.0])
    assert scores.activation.shape == (1, 4, 4, 2)
    assert scores.probabilities.dtype == scores.distance.dtype == np.float32


def test_an_image_scores_alike_alone_and_among_others(predictor: Predictor):
    batch = np.random.default_rng(1).integers(0, 256, (70, SIDE, SIDE, 3), dtype=np.uint8)
    together = predictor.scores(batch)
    alone = [predictor.scores(image[None]) for image in batch]
    assert np.concatenate([one.probabilities for one in alone]) == pytest.approx(together.probabilities, abs=1e-6)
    assert np.concatenate([one.distance for one in alone]) == pytest.approx(together.distance, abs=1e-6)


def test_what_is_to_be_done_meanwhile_begins_once(predictor: Predictor):
    begun: list[bool] = []
    predictor.scores(np.zeros((70, SIDE, SIDE, 3), dtype=np.uint8), meanwhile=lambda: begun.append(True))
    assert begun == [True]


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_scores_do_not_depend_on_the_company_or_on_how_many_run_side_by_side(precision: str, tmp_path: Path):
    """What evaluation finds in batches is what a request gets alone, exactly."""
    bundle = write_bundle(tmp_path / "bundle", precision=precision)
    batch = np.random.default_rng(1).integers(0, 256, (40, SIDE, SIDE, 3), dtype=np.uint8)
    together, serving = Predictor.load(bundle).scores(batch), Predictor.load(bundle, threads=2)
    for size in (*serving.sizes, 7):
        parts = [serving.scores(batch[start : start + size]).probabilities for start in range(0, len(batch), size)]
        np.testing.assert_array_equal(together.probabilities, np.concatenate(parts))


@pytest.mark.parametrize(
    ("side", "threads", "expected"),
    [(96, 1, (8, 4, 1)), (128, 2, (8, 4, 1)), (224, 1, (4, 1)), (224, 2, (1,)), (257, 1, (1,)), (96, 0, (32, 8, 4, 1)), (512, 0, (32, 1))],
)
def test_the_larger_the_images_the_fewer_run_together(side: int, threads: int, expected: tuple[int, ...]):
    assert sizes_for(ImageSpec(height=side, width=80), threads) == expected


BINDING = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
import numpy as np
from serving.predictor import Predictor

predictor, threads, seen = Predictor.load(Path(sys.argv[1]), threads=int(sys.argv[2])), int(sys.argv[2]), set()
side, end = predictor.card.image.height, time.monotonic() + 0.7

def score():
    while time.monotonic() < end:
        predictor.scores(np.zeros((1, side, side, 3), np.uint8))

with ThreadPoolExecutor(threads) as pool:
    running = [pool.submit(score) for _ in range(threads)]
    while not all(each.done() for each in running):
        for task in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):
                seen.add(frozenset(os.sched_getaffinity(int(task.name))))
[each.result() for each in running]
print(sorted(map(sorted, seen)))
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU: nothing to choose from")
@pytest.mark.parametrize("threads", ["1", "2"])
def test_no_thread_of_a_service_is_bound_to_a_cpu(threads: str, bundle: Path):
    """Another process of the service would be bound to the same one. Asked in a process of its own: evaluation in this one is bound."""
    command = [sys.executable, "-c", BINDING, str(bundle), threads]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == str([sorted(os.sched_getaffinity(0))])


def test_bf16_may_miss_the_canary_by_more_than_f32_may(tmp_path: Path):
    image = Image.fromarray(plain(128, 128, 128))
    for name, precision, scores in (("f32", "f32", (0.505, 0.495)), ("bf16", "bf16", (0.505, 0.495)), ("far", "bf16", (0.52, 0.48))):
        write_bundle(tmp_path / name, canary_scores=scores, precision=precision)
        image.save(tmp_path / name / "canary.png")  # gray scores (0.5, 0.5)
    assert Predictor.load(tmp_path / "bf16")
    for name, allowed in (("f32", "0.001"), ("far", "0.01")):
        with pytest.raises(ContractError, match=rf"the canary's scores must be within {allowed} of"):
            Predictor.load(tmp_path / name)


def test_threads_do_not_mix_up_their_images(predictor: Predictor):
    images = [plain(int(red), 255 - int(red), 20) for red in np.linspace(0, 255, 64)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda image: predictor.predict([image])[0].probabilities, images * 4))
    assert np.stack(answers) == pytest.approx(np.stack([expected(image) for image in images * 4]), abs=1e-4)


def test_an_image_of_another_size_is_brought_to_the_card(predictor: Predictor):
    answer = predictor.predict([plain(200, 60, 20, height=90, width=70)])[0]
    assert answer.probabilities == pytest.approx(expected(plain(200, 60, 20)), abs=1e-5)
    assert (answer.properties["width"], answer.properties["height"]) == (70.0, 90.0)
    assert set(answer.properties) == set(PROPERTIES)


def test_confidence_is_the_probability_of_the_predicted_class(predictor: Predictor):
    # malignant 0.3775 is below one half but above the operating point 0.31
    image = plain(100, 132, 20)
    answer = predictor.predict([image])[0]
    assert answer.predicted_class == 1
    assert answer.confidence == pytest.approx(expected(image)[1], abs=1e-5)


def test_blue_is_unlike_the_red_and_green_reference(predictor: Predictor):
    assert predictor.predict([plain(0, 0, 255)])[0].verdict == Verdict.OUT_OF_DISTRIBUTION
    assert predictor.predict([plain(250, 5, 20)])[0].verdict == Verdict.ACCEPT


def test_no_images_have_no_answers(predictor: Predictor):
    assert predictor.predict([]) == []


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((1, SIDE, SIDE, 3), np.float32),
        np.zeros((SIDE, SIDE, 3), np.uint8),
        np.zeros((1, SIDE + 1, SIDE, 3), np.uint8),
        np.zeros((0, SIDE, SIDE, 3), np.uint8),
    ],
)
def test_a_batch_of_another_form_is_refused(predictor: Predictor, batch: np.ndarray):
    with pytest.raises(ContractError, match="a batch must be uint8"):
        predictor.scores(batch)


def test_the_digest_is_that_of_the_directory(predictor: Predictor, bundle: Path):
    assert predictor.digest == tree_digest(bundle)


def test_softmax_of_large_logits_stays_finite():
    assert softmax(np.array([[1000.0, 0.0]], np.float32)).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("name", ["model.onnx", "card.json", "reference.parquet", "canary.png"])
@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a_bundle_without_all_its_parts_is_refused(bundle: Path, tmp_path: Path, name: str, damage: str):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / name).unlink() if damage == "missing" else (copy / name).write_bytes(b"damaged")
    with pytest.raises(ContractError):
        Predictor.load(copy)


def test_a_canary_that_scores_otherwise_stops_the_bundle(tmp_path: Path):
    close, far = (0.5008, 0.4992), (0.6, 0.4)
    image = Image.fromarray(plain(128, 128, 128))
    for name, scores in (("close", close), ("far", far)):
        write_bundle(tmp_path / name, canary_scores=scores)
        image.save(tmp_path / name / "canary.png")  # gray scores (0.5, 0.5)
    assert Predictor.load(tmp_path / "close")
    with pytest.raises(ContractError, match=r"the canary's scores must be within 0\.001"):
        Predictor.load(tmp_path / "far")


def test_a_graph_with_other_outputs_is_refused(bundle: Path, tmp_path: Path):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    model = graph(np.zeros((3, 2), np.float32))
    del model.graph.output[2]
    (copy / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ContractError, match="the graph must take 'image' and give"):
        Predictor.load(copy)


def test_a_graph_with_more_logits_than_classes_is_refused(bundle: Path, tmp_path: Path):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "model.onnx").write_bytes(graph(np.zeros((3, 4), np.float32)).SerializeToString())
    with pytest.raises(ContractError, match="the graph must give 2 logits per image"):
        Predictor.load(copy)


def test_a_card_with_another_image_size_than_the_graph_is_refused(bundle: Path, tmp_path: Path):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    card(image={"height": 64, "width": 64}).write(copy)
    with pytest.raises(ContractError, match="64,64"):
        Predictor.load(copy)
