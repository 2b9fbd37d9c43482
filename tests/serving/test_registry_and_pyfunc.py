"""Registered models over a real SQLite registry: logged, found, followed, and scoring alike everywhere."""

import base64
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from registered import NAME, register, registry_at
from service_process import running_service, web
from tiny_bundle import WEIGHTS, encode, plain, write_bundle

from serving.contract import tree_digest
from serving.follow import Follower
from serving.predictor import Predictor
from serving.registry import Location, RegistryError, locate, resolve
from serving.signature import sign_bundle
from serving.slot import Slot

RED = encode(plain(200, 60, 20, height=50, width=70))


@pytest.fixture(scope="module")
def registry(bundle: Path, tmp_path_factory: pytest.TempPathFactory):
    """Address of a registry with two versions (the second answers the other way round) and a broken third."""
    home = tmp_path_factory.mktemp("registry")
    with registry_at(home) as (uri, _):
        assert register(bundle) == "1"
        assert register(write_bundle(home / "second" / "bundle", weights=-WEIGHTS)) == "2"
        assert register(write_bundle(home / "third" / "seed-0", canary_scores=(1.0, 0.0))) == "3"
        yield uri


@pytest.fixture
def client(registry: str):
    import mlflow

    client = mlflow.MlflowClient(registry, registry)
    client.set_registered_model_alias(NAME, "champion", "1")
    return client


def test_the_registered_model_scores_as_the_predictor_and_the_service_do(registry: str, bundle: Path, service_url: str):
    import mlflow
    import pandas as pd

    images = [encode(image) for image in np.random.default_rng(5).integers(0, 256, (4, 40, 60, 3), dtype=np.uint8)]
    frame = mlflow.pyfunc.load_model(f"models:/{NAME}/1").predict(pd.DataFrame({"image": images}))
    assert list(frame.columns) == ["benign", "malignant", "predicted_class", "verdict"]
    answers = [web.post(f"{service_url}/predict", files={"image": ("x", data)}).json() for data in images]
    assert [list(answer["probabilities"].values()) for answer in answers] == pytest.approx(
        frame[["benign", "malignant"]].to_numpy(), abs=2e-6
    )
    assert [answer["class_name"] for answer in answers] == frame["predicted_class"].tolist()
    assert [answer["verdict"] for answer in answers] == frame["verdict"].tolist()


def test_the_registered_model_takes_base64_as_its_server_sends_it(registry: str):
    import mlflow
    import pandas as pd

    model = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    text, raw = (model.predict(pd.DataFrame({"image": [value]})) for value in (base64.b64encode(RED).decode(), RED))
    assert text.equals(raw)


@pytest.mark.parametrize("form", [None, "@champion", f"{NAME}@champion", f"{NAME}/1", "1"])
def test_a_model_is_found_by_alias_and_by_version(registry: str, client, bundle: Path, tmp_path: Path, form: str | None):
    found = resolve(form, tracking_uri=registry, cache=tmp_path / "cache")
    assert (found.name, found.version) == (NAME, "1")
    assert (found.alias, found.followed) == (("champion", True) if not form or "@" in form else (None, False))
    assert found.bundle == tmp_path / "cache" / tree_digest(bundle).removeprefix("sha256:")
    assert tree_digest(found.bundle) == tree_digest(bundle)


def test_a_model_is_fetched_without_pandas_which_the_image_of_the_service_lacks(registry: str, client, tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow.models.signature", None)  # the part of MLflow that imports it
    assert (resolve("1", tracking_uri=registry, cache=tmp_path / "cache").bundle / "card.json").is_file()


def test_a_directory_needs_no_registry(bundle: Path, tmp_path: Path):
    found = resolve(str(bundle), tracking_uri="http://127.0.0.1:9", cache=tmp_path)
    assert (found.name, found.version, found.alias, found.bundle, found.followed) == (NAME, None, None, bundle, False)


@pytest.mark.parametrize("form", ["@nobody", "unknown@champion", "unknown/1", f"{NAME}/99", "99", "some words", "/no/such/bundle"])
def test_a_model_that_is_not_there_is_told_with_the_forms(registry: str, client, tmp_path: Path, form: str):
    with pytest.raises(RegistryError, match="NAME@alias"):
        resolve(form, tracking_uri=registry, cache=tmp_path)


def test_a_version_whose_bundle_is_not_its_digest_is_refused(registry: str, client, tmp_path: Path):
    client.set_model_version_tag(NAME, "1", "lobule.bundle", "sha256:" + "0" * 64)
    try:
        with pytest.raises(RegistryError, match="must have the digest"):
            resolve("1", tracking_uri=registry, cache=tmp_path)
    finally:
        client.delete_model_version_tag(NAME, "1", "lobule.bundle")


def test_two_champions_need_a_name(registry: str, client, tmp_path: Path):
    client.create_registered_model("another")
    client.create_model_version("another", "file:///nowhere")
    client.set_registered_model_alias("another", "champion", "1")
    try:
        with pytest.raises(RegistryError, match="another, lobule-tiny"):
            resolve(None, tracking_uri=registry, cache=tmp_path)
    finally:
        client.delete_registered_model("another")


def test_a_new_champion_takes_the_place_and_a_bad_one_does_not(registry: str, client, tmp_path: Path):
    slot = Slot()
    follower = Follower(slot, "@champion", tracking_uri=registry, cache=tmp_path)
    assert follower.check()
    assert slot.current.version == "1"
    assert not follower.check()  # nothing new

    client.set_registered_model_alias(NAME, "champion", "2")
    assert follower.check()
    assert (slot.current.version, slot.current.followed, slot.refused) == ("2", True, None)
    assert slot.current.predictor.predict([plain(255, 0, 0)])[0].predicted_class == 0

    client.set_registered_model_alias(NAME, "champion", "3")
    assert not follower.check()
    assert slot.current.version == "2"
    assert "version 3 of lobule-tiny is not served: the canary's scores" in slot.refused

    client.set_registered_model_alias(NAME, "champion", "2")
    assert not follower.check()
    assert slot.refused is None


def test_a_registry_that_does_not_answer_changes_nothing(registry: str, client, bundle: Path, tmp_path: Path):
    slot = Slot()
    Follower(slot, "@champion", tracking_uri=registry, cache=tmp_path).check()
    served = slot.current
    assert not Follower(slot, "@champion", tracking_uri=f"sqlite:///{tmp_path}/no/such/folder/mlflow.db", cache=tmp_path).check()
    assert slot.current is served
    assert slot.refused is None


@pytest.mark.parametrize("down", ["registry", "artifact store"])
def test_a_worker_that_starts_during_an_outage_serves_what_was_served_last(
    down: str, registry: str, client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
):
    Follower(Slot(), "@champion", tracking_uri=registry, cache=tmp_path).check()
    if down == "registry":
        monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://127.0.0.1:9")
    else:
        store = Path(registry.removeprefix("sqlite:///")).with_name("artifacts")
        request.addfinalizer(lambda: store.with_name("away").rename(store))
        store.rename(store.with_name("away"))
    slot = Slot()
    assert Follower(slot, "@champion", tracking_uri="http://127.0.0.1:9", cache=tmp_path).check()
    assert (slot.current.name, slot.current.version, slot.current.followed) == (NAME, "1", True)
    assert (slot.unreachable is not None) == (down == "registry")
    other = Slot()
    assert not Follower(other, f"{NAME}@champion", tracking_uri="http://127.0.0.1:9", cache=tmp_path).check()
    assert other.current is None  # nobody has followed that name here


def test_a_champion_that_was_taken_away_is_not_served_from_memory(registry: str, client, tmp_path: Path):
    Follower(Slot(), f"{NAME}@champion", tracking_uri=registry, cache=tmp_path).check()
    client.delete_registered_model_alias(NAME, "champion")
    slot = Slot()
    assert not Follower(slot, f"{NAME}@champion", tracking_uri=registry, cache=tmp_path).check()
    assert slot.current is None
    assert "champion not found" in slot.refused


def test_a_kept_bundle_that_was_damaged_is_fetched_again(registry: str, client, bundle: Path, tmp_path: Path):
    client.set_model_version_tag(NAME, "1", "lobule.bundle", tree_digest(bundle))
    try:
        kept = resolve("1", tracking_uri=registry, cache=tmp_path).bundle
        (kept / "model.onnx").write_bytes(b"cut off")
        assert tree_digest(resolve("1", tracking_uri=registry, cache=tmp_path).bundle) == tree_digest(bundle)
    finally:
        client.delete_model_version_tag(NAME, "1", "lobule.bundle")


def test_with_a_key_only_a_signed_version_takes_the_place(registry: str, client, bundle: Path, tmp_path: Path):
    slot = Slot()
    told: list[str] = []
    follower = Follower(slot, "@champion", tracking_uri=registry, cache=tmp_path, signing_key="key", told=told.append)
    assert not follower.check()
    assert "must be signed" in slot.refused
    client.set_model_version_tag(NAME, "1", "lobule.signature", sign_bundle(tree_digest(bundle), "key"))
    try:
        assert not follower.check()  # a refused version is left alone for a while
        follower.wake()
        assert follower.check()
        assert (slot.current.version, slot.refused, told) == ("1", None, ["refused", "swapped"])
    finally:
        client.delete_model_version_tag(NAME, "1", "lobule.signature")


def test_a_bell_is_heard_by_the_followers_of_all_workers(registry: str, client, tmp_path: Path):
    followers = [Follower(Slot(), "@champion", tracking_uri=registry, cache=tmp_path) for _ in range(2)]
    try:
        for follower in followers:
            follower.check()
            follower.start(3600)
        client.set_registered_model_alias(NAME, "champion", "2")
        followers[0].wake()
        deadline = time.monotonic() + 10
        while any(follower._slot.current.version != "2" for follower in followers) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert [follower._slot.current.version for follower in followers] == ["2", "2"]
    finally:
        for follower in followers:
            follower.stop()


@pytest.mark.slow
def test_the_service_follows_the_champion_while_it_answers(registry: str, client, tmp_path: Path):
    settings = {"LOBULE_MODEL": "@champion", "MLFLOW_TRACKING_URI": registry, "LOBULE_POLL_SECONDS": "0.2"}
    with running_service(tmp_path, **settings) as running:
        seen = set()
        client.set_registered_model_alias(NAME, "champion", "2")
        deadline = time.monotonic() + 20
        while 2 not in seen and time.monotonic() < deadline:
            answer = web.post(f"{running.url}/predict", files={"image": ("x", RED)}).json()
            version = answer["model"]["version"]
            seen.add(version)
            assert answer["class_name"] == {1: "malignant", 2: "benign"}[version]  # never a mixture
        assert 2 in seen
        assert web.get(f"{running.url}/health").json()["alias"] == "champion"


def test_locating_does_not_download(registry: str, client, bundle: Path):
    assert locate("@champion", tracking_uri=registry) == Location(NAME, "1", "champion")
    assert Predictor.load(bundle).digest == tree_digest(bundle)


@pytest.mark.slow
def test_a_bf16_bundle_scores_alike_in_evaluation_pyfunc_and_service(tmp_path: Path):
    """Evaluation scores fitted pixels in batches; the other two get the bytes of one image."""
    import pandas as pd

    from serving.imaging import decode, fit
    from serving.pyfunc import answer

    bundle = write_bundle(tmp_path / "bundle", precision="bf16")
    predictor = Predictor.load(bundle)
    random = np.random.default_rng(3)
    files = [encode(random.integers(0, 256, (50, 70, 3), dtype=np.uint8)) for _ in range(8)]
    evaluated = predictor.scores(np.stack([fit(decode(file).pixels, predictor.card.image) for file in files])).probabilities
    table = answer(predictor, pd.DataFrame({"image": files}))
    np.testing.assert_allclose(table[["benign", "malignant"]].to_numpy(), evaluated, atol=1e-7)
    with running_service(tmp_path / "service", LOBULE_BUNDLE=str(bundle)) as running:
        answers = [web.post(f"{running.url}/predict", files={"image": file}).json()["probabilities"] for file in files]
    served = np.array([[each["benign"], each["malignant"]] for each in answers])
    np.testing.assert_allclose(served, evaluated, atol=1e-6)  # the service writes six decimals
