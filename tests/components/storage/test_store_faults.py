"""A store that goes wrong: the real client and a real store with a proxy between them that injects faults (`fault_proxy`)."""

import importlib.util
import sys
from pathlib import Path

import boto3
import pytest

from components.domain.errors import InputError
from components.ingest.source import open_source, version_now
from components.learning.weights import resolve
from components.storage import bucket as buckets

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parents[1]
LARGE = bytes(range(256)) * 12288  # 3 MiB: several chunks
SMALL = {f"set/{label}/{number}.png": f"{label} {number}".encode() * 40 for label in ("benign", "malignant") for number in range(4)}


def load(path: Path):
    spec = importlib.util.spec_from_file_location(f"for_faults_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


s3_server, fault_proxy = load(TESTS / "ingest" / "s3_server.py"), load(TESTS / "storage" / "fault_proxy.py")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s3")
    reason = s3_server.why_not(folder)
    if reason:
        pytest.skip(reason)
    try:
        s3_server.install()
    except OSError as error:
        pytest.skip(str(error))
    with s3_server.running_store(folder) as running:
        keys = {"aws_access_key_id": s3_server.KEY, "aws_secret_access_key": s3_server.SECRET, "region_name": "us-east-1"}
        bucket = boto3.resource("s3", endpoint_url=running.endpoint, **keys).create_bucket(Bucket="clinic")
        for key, content in {**SMALL, "net.weights.h5": LARGE}.items():
            bucket.put_object(Key=key, Body=content)
        yield running


@pytest.fixture
def proxy(store, monkeypatch):
    monkeypatch.setattr(buckets, "READ_SECONDS", 1)
    with fault_proxy.running(store.endpoint) as running:
        for name, value in {**store.environment, "AWS_ENDPOINT_URL_S3": running.url}.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.mark.parametrize(
    ("fault", "ranges"),
    [
        ("503", ["", ""]),
        ("hang up", ["", ""]),
        ("cut", ["", f"bytes={len(LARGE) // 2}-"]),  # goes on behind the last byte that came
        ("stall", ["", "bytes=1048576-"]),  # behind the last chunk
    ],
)
def test_weights_arrive_whole_whatever_goes_wrong_once(proxy, tmp_path, fault, ranges):
    proxy.faults = {"GET /clinic/net": [fault]}
    found = resolve("s3://clinic/net.weights.h5", cache=tmp_path)
    assert Path(found).read_bytes() == LARGE
    assert [asked for call, asked in proxy.asked if call.startswith("GET /clinic/net")] == ranges
    assert (proxy.met, [path.name for path in Path(found).parent.iterdir()]) == ([fault], ["net.weights.h5"])


def test_a_source_is_mirrored_exactly_through_a_store_that_fails_again_and_again(proxy, tmp_path):
    proxy.faults = {
        "GET /clinic?": ["503", "hang up"],
        "GET /clinic/set/benign": ["503", "cut", "stall", "503"],
        "GET /clinic/set/malignant": ["hang up", "cut", "cut"],
    }
    root = open_source("s3://clinic/set", cache=tmp_path)
    held = {f"set/{path.relative_to(root).as_posix()}": path.read_bytes() for path in root.rglob("*.png")}
    assert held == SMALL
    assert sorted(proxy.met) == sorted(["503"] * 3 + ["hang up"] * 2 + ["cut"] * 3 + ["stall"])


def test_the_version_of_a_source_survives_a_busy_store(proxy, tmp_path):
    expected = version_now("s3://clinic/set", cache=tmp_path)
    proxy.faults = {"GET /clinic?": ["503", "503", "hang up"]}
    assert version_now("s3://clinic/set", cache=tmp_path) == expected


def test_a_store_that_stays_busy_is_told_in_one_line_and_leaves_what_arrived_for_the_next_time(proxy, tmp_path):
    proxy.faults = {"GET /clinic/set/benign/0": ["503"] * 100}
    with pytest.raises(InputError, match=rf"{proxy.url} does not give s3://clinic/set \(SlowDown: Please reduce .*\); check"):
        open_source("s3://clinic/set", cache=tmp_path)
    proxy.faults.clear()
    before = len(proxy.asked)
    root = open_source("s3://clinic/set", cache=tmp_path)
    assert len(list(root.rglob("*.png"))) == len(SMALL)
    again = [call for call, _ in proxy.asked[before:] if call.startswith("GET /clinic/set")]
    assert len(again) < len(SMALL)
