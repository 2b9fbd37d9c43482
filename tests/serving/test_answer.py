"""From bytes to answer in this process: a lone image takes another way than one among others, to the same answer."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest
from tiny_bundle import encode

from serving.answer import Answerer, Asked, Wanted
from serving.engine import Engine
from serving.imaging import ImageError
from serving.metrics import Metrics
from serving.prediction_log import PredictionLog, read_log
from serving.settings import ServiceSettings
from serving.slot import Served


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture(scope="module")
def served(bundle: Path) -> Served:
    return Served.load(bundle, threads=1)


def image(seed: int) -> bytes:
    return encode(np.random.default_rng(seed).integers(0, 256, (90, 120, 3), dtype=np.uint8))


def describing() -> bool:
    return any(thread.name.startswith("describe") for thread in threading.enumerate())


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(explain=True), Wanted(image=False)])
def test_a_lone_image_is_answered_and_logged_as_one_among_others(wanted: Wanted, served: Served, metrics: Metrics, tmp_path: Path):
    log = PredictionLog(tmp_path)
    answerer = Answerer(ServiceSettings(), metrics, log)
    others = [answerer.finish([answerer.prepare(Asked(image(seed), served, wanted, "r"))])[0] for seed in range(3)]
    assert not describing()
    lone = [answerer.finish([answerer.prepare(Asked(image(seed), served, wanted, "r", alone=True))])[0] for seed in range(3)]
    assert describing()
    answerer.close()
    assert not describing()
    log.close()
    assert lone == others
    rows = read_log(tmp_path).table.drop(["time"]).to_pylist()
    assert rows[:3] == rows[3:]
    assert len({row["property_contrast"] for row in rows}) == 3


@pytest.mark.parametrize(
    ("wanted", "alone", "goes"), [(Wanted(), False, "with others"), (Wanted(), True, "alone"), (Wanted(explain=True), False, "alone")]
)
def test_what_keeps_its_picture_goes_alone(wanted: Wanted, alone: bool, goes: str, served: Served, metrics: Metrics):
    answerer = Answerer(ServiceSettings(), metrics, None)
    kind = answerer.work().kind(answerer.prepare(Asked(image(0), served, wanted, "r", alone=alone)))
    assert kind is (served.predictor if goes == "with others" else None)


def test_only_the_first_of_several_requests_is_alone(served: Served, metrics: Metrics):
    engine = Engine(Answerer(ServiceSettings(), metrics, None).work(), threads=1, max_requests=4, timeout=10)

    async def test() -> list[bool]:
        async with engine.admit():
            first = engine.alone
            async with engine.admit():
                second = engine.alone
            return [first, second, engine.alone]

    assert asyncio.run(test()) == [True, False, True]
    engine.close()


def test_a_lone_image_that_is_none_is_refused(served: Served, metrics: Metrics):
    answerer = Answerer(ServiceSettings(), metrics, None)
    with pytest.raises(ImageError, match="the bytes are no"):
        answerer.prepare(Asked(b"no image", served, Wanted(), "r", alone=True))
