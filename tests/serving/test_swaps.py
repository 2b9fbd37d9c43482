"""A hundred promotions while requests come in, over a real registry and a real `bentoml serve`; and its webhook."""

import os
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
from registered import NAME, register, registry_at, running_server
from service_process import Running, running_service, web
from tiny_bundle import WEIGHTS, encode, expected, plain, write_bundle

from serving.contract import tree_digest

pytestmark = pytest.mark.slow
PIXELS = plain(200, 60, 20, height=50, width=70)
SWAPS = 100


@pytest.fixture(scope="module")
def versions(bundle: Path, tmp_path_factory: pytest.TempPathFactory):
    """A registry with two versions that answer the other way round, and what each must answer: (address, {digest: score})."""
    home = tmp_path_factory.mktemp("swaps")
    other = write_bundle(home / "other" / "bundle", weights=-WEIGHTS)
    with registry_at(home) as (uri, client):
        for version, path in (("1", bundle), ("2", other)):
            assert register(path) == version
            client.set_model_version_tag(NAME, version, "lobule.bundle", tree_digest(path))
        client.set_registered_model_alias(NAME, "champion", "1")
        scores = {tree_digest(bundle): float(expected(PIXELS)[1]), tree_digest(other): float(expected(PIXELS, -WEIGHTS)[1])}
        yield uri, client, scores


class Load(threading.Thread):
    """Asks again and again over one connection; keeps what was wrong, and how often each model answered."""

    def __init__(self, url: str, scores: dict[str, float]) -> None:
        super().__init__(daemon=True)
        self.url, self.scores, self.ended, self.wrong, self.seen = url, scores, threading.Event(), [], Counter()

    def run(self) -> None:
        data = encode(PIXELS)
        with httpx.Client(timeout=30) as client:
            while not self.ended.is_set():
                try:
                    response = client.post(f"{self.url}/predict?image=false", content=data, headers={"Content-Type": "image/png"})
                    answer = response.json()
                    digest = answer["model"]["bundle"]
                    self.seen[digest, answer["model"]["version"]] += 1
                    if abs(answer["probabilities"]["malignant"] - self.scores[digest]) > 1e-3:
                        self.wrong.append(answer)
                except (httpx.HTTPError, ValueError, KeyError) as error:
                    self.wrong.append(error)


def served_version(url: str) -> int:
    return web.get(f"{url}/health").json()["version"]


def wait_for(url: str, version: int) -> None:
    deadline = time.monotonic() + 20
    while served_version(url) != version:
        assert time.monotonic() < deadline, web.get(f"{url}/health").text
        time.sleep(0.02)


def memory(running: Running) -> float:
    """MiB of the server and its workers."""
    parent = psutil.Process(running.process.pid)
    return sum(each.memory_info().rss for each in [parent, *parent.children(recursive=True)]) / 2**20


@pytest.mark.parametrize(("threads", "clients"), [("2", 3), ("1", 1)])  # one client of one thread is answered on the event loop
def test_a_hundred_swaps_drop_no_request_and_mix_no_answer(threads: str, clients: int, versions, tmp_path: Path):
    uri, client, scores = versions
    settings = {"LOBULE_MODEL": "@champion", "MLFLOW_TRACKING_URI": uri, "LOBULE_POLL_SECONDS": "0.1", "LOBULE_THREADS": threads}
    client.set_registered_model_alias(NAME, "champion", "1")
    with running_service(tmp_path, **settings) as running:
        load = [Load(running.url, scores) for _ in range(clients)]
        for each in load:
            each.start()
        for swap in range(SWAPS):
            version = 2 - swap % 2
            client.set_registered_model_alias(NAME, "champion", str(version))
            wait_for(running.url, version)
            if swap == SWAPS // 5:
                early = memory(running)
        late = memory(running)
        for each in load:
            each.ended.set()
        for each in load:
            each.join(30)
        told = web.get(f"{running.url}/metrics").text
    assert [error for each in load for error in each.wrong] == []
    seen = sum((each.seen for each in load), Counter())
    assert {version for _, version in seen} == {1, 2}
    assert len(seen) == 2  # a version never answers with the other's digest
    assert sum(seen.values()) > SWAPS
    assert f'lobule_model_changes_total{{outcome="swapped"}} {SWAPS + 1}.0' in told
    assert late - early < 40, f"{early:.0f} MiB after a fifth of the swaps, {late:.0f} MiB after all"


@pytest.fixture
def server(versions, tmp_path: Path):
    """A real MLflow server on the registry: (process, address)."""
    uri, _, _ = versions
    with running_server(uri, tmp_path) as running:
        yield running


def test_a_webhook_of_mlflow_is_heard_and_an_outage_changes_nothing(versions, server, tmp_path: Path):
    import mlflow

    process, address = server
    client = mlflow.MlflowClient(address, address)
    client.set_registered_model_alias(NAME, "champion", "1")
    settings = {"LOBULE_MODEL": f"{NAME}@champion", "MLFLOW_TRACKING_URI": address, "LOBULE_POLL_SECONDS": "3600"}
    with running_service(tmp_path / "home", LOBULE_WEBHOOK_SECRET="shared", **settings) as running:
        notices = f"{running.url}/webhooks/mlflow"
        assert web.post(notices, json={"entity": "model_version_alias"}).status_code == 401
        client.create_webhook("lobule", notices, ["model_version_alias.created"], secret="shared")
        client.set_registered_model_alias(NAME, "champion", "2")
        wait_for(running.url, 2)

        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert served_version(running.url) == 2
        workers = [each for each in psutil.Process(running.process.pid).children(recursive=True) if "worker" in " ".join(each.cmdline())]
        assert workers, "no worker process was found"
        for each in workers:
            each.kill()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:  # the server starts another worker, which the registry does not answer
            with suppress(httpx.HTTPError):
                health = web.get(f"{running.url}/health").json()
                break
            time.sleep(0.2)
        assert (health["status"], health["version"]) == ("ok", 2)
        assert "does not" in health["registry"]["unreachable"]
        answer = web.post(f"{running.url}/predict", content=encode(PIXELS), headers={"Content-Type": "image/png"})
        assert answer.json()["model"]["version"] == 2
