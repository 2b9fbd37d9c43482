"""From bytes to answer in this process: a lone image takes another way than one among others, to the same answer."""

import asyncio
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from prometheus_client import REGISTRY
from service_process import running_service
from tiny_bundle import encode

from serving.answer import SHORT_BYTES, SHORT_PIXELS, SHORT_SIDE, Answerer, Asked, Wanted
from serving.engine import Engine
from serving.imaging import ImageError
from serving.metrics import Metrics
from serving.openvino_graph import OpenVinoGraph
from serving.prediction_log import PredictionLog, read_log
from serving.predictor import Predictor
from serving.reference import read_reference
from serving.responses import Json
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


def engine(answerer: Answerer, *, threads: int = 1, under_way: int = 1) -> Engine:
    return Engine(answerer.work(), threads=threads, max_requests=4, timeout=10, under_way=lambda: under_way, at_once=answerer.at_once)


def test_only_the_first_of_several_requests_is_alone_and_none_while_another_is_read(served: Served, metrics: Metrics):
    async def test(engine: Engine) -> list[bool]:
        async with engine.admit():
            first = engine.alone
            async with engine.admit():
                second = engine.alone
            return [first, second, engine.alone]

    for under_way, expected in ((1, [True, False, True]), (2, [False] * 3)):
        tried = engine(Answerer(ServiceSettings(), metrics, None), under_way=under_way)
        assert asyncio.run(test(tried)) == expected
        tried.close()


@pytest.mark.parametrize(("threads", "alone", "here"), [(1, True, True), (1, False, False), (2, True, False)])
def test_a_lone_image_is_answered_on_the_spot_where_one_thread_works(
    threads: int, alone: bool, here: bool, served: Served, metrics: Metrics
):
    tried = engine(Answerer(ServiceSettings(), metrics, None), threads=threads)

    async def test() -> tuple[bool, Json]:
        asked = tried.ask(Asked(image(0), served, Wanted(), "r", alone=alone))
        return asked.done(), await asked

    done, document = asyncio.run(test())
    assert (done, document["class_name"] in served.predictor.card.classes) == (here, True)
    tried.close()


def test_what_would_take_long_is_left_to_a_thread(bundle: Path, served: Served, metrics: Metrics):
    answerer = Answerer(ServiceSettings(), metrics, None)

    def here(data: bytes, explain: bool = False, by: Served = served) -> bool:
        return answerer.at_once(Asked(data, by, Wanted(explain), "r", alone=True)) is not None

    side = int(SHORT_PIXELS**0.5)
    large = encode(np.zeros((side, side, 3), dtype=np.uint8))
    assert (here(image(0)), here(large)) == (True, True)
    assert not here(image(0), explain=True)
    assert not here(encode(np.zeros((side, side + 1, 3), dtype=np.uint8)))
    assert not here(image(0) + b"\0" * SHORT_BYTES)  # bytes after the end of a PNG are ignored
    card = served.predictor.card
    wide = card.model_copy(update={"image": card.image.model_copy(update={"width": SHORT_SIDE + 1})})
    predictor = Predictor(wide, served.predictor.digest, OpenVinoGraph.load(bundle, card, threads=1), read_reference(bundle))
    assert not here(image(0), by=replace(served, predictor=predictor))
    answerer.close()


def counted() -> tuple[float, float]:
    """Return how many images were decoded, or tried, and how many refused as none."""
    decoded = REGISTRY.get_sample_value("lobule_stage_seconds_count", {"stage": "decode"})
    return decoded or 0.0, REGISTRY.get_sample_value("lobule_refused_images_total", {"code": "not_an_image"}) or 0.0


def test_an_image_is_counted_once_whoever_answers(served: Served, metrics: Metrics):
    tried = engine(Answerer(ServiceSettings(), metrics, None))

    async def test(data: bytes) -> None:
        await tried.ask(Asked(data, served, Wanted(), "r", alone=True))

    decoded, refused = counted()
    asyncio.run(test(image(0)))
    assert counted() == (decoded + 1, refused)
    asyncio.run(test(encode(np.zeros((600, 800, 3), dtype=np.uint8))))  # the event loop looks at its header, a thread decodes it
    assert counted() == (decoded + 2, refused)
    with pytest.raises(ImageError, match="the bytes are no"):
        asyncio.run(test(b"no image"))
    assert counted() == (decoded + 3, refused + 1)
    tried.close()


def test_a_lone_image_that_is_none_is_refused(served: Served, metrics: Metrics):
    answerer = Answerer(ServiceSettings(), metrics, None)
    with pytest.raises(ImageError, match="the bytes are no"):
        answerer.prepare(Asked(b"no image", served, Wanted(), "r", alone=True))


@pytest.mark.slow
def test_images_of_many_connections_still_run_together_where_one_thread_works(bundle: Path, tmp_path: Path):
    with running_service(tmp_path, LOBULE_BUNDLE=str(bundle), LOBULE_THREADS="1", LOBULE_PREDICTION_LOG="none") as running:
        clients = [httpx.Client(base_url=running.url) for _ in range(8)]

        def ask(client: httpx.Client) -> None:
            for _ in range(25):
                client.post("/predict", content=image(0), headers={"Content-Type": "image/png"}).raise_for_status()

        def together() -> tuple[float, float]:
            told = clients[0].get("/metrics").text
            runs, images = (re.search(rf"^lobule_images_together_{what} (\S+)$", told, re.MULTILINE) for what in ("count", "sum"))
            assert runs and images
            return float(runs[1]), float(images[1])

        ask(clients[0])
        assert together() == (25, 25)
        with ThreadPoolExecutor(len(clients)) as pool:
            list(pool.map(ask, clients))
        runs, images = together()
        assert images == 9 * 25
        assert runs < images  # each would have found itself alone, were those that wait to be read not counted
        for client in clients:
            client.close()
