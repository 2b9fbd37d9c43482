"""`s3://` sources against a real S3-compatible server process (`s3_server`)."""

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from components.domain.errors import InputError
from components.ingest.inspect import inspect_source
from components.ingest.layouts import list_images
from components.ingest.s3 import INDEX_FILE
from components.ingest.source import lasting, open_source, origin, source_version, version_now
from components.learning.weights import resolve
from components.storage import bucket as buckets
from components.storage.bucket import Address, Blob, Bucket, read_index

spec = importlib.util.spec_from_file_location("s3_server", Path(__file__).with_name("s3_server.py"))
s3_server = importlib.util.module_from_spec(spec)
sys.modules["s3_server"] = s3_server
spec.loader.exec_module(s3_server)

Store = Any


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("s3")
    reason = s3_server.why_not(folder)
    if reason:
        pytest.skip(reason)
    try:
        s3_server.install()
    except OSError as error:
        pytest.skip(str(error))
    with s3_server.running_store(folder) as running:
        yield running


@pytest.fixture
def client(store: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return boto3.client("s3")


def put(client: Any, bucket: str, files: dict[str, bytes]) -> None:
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=bucket)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda item: client.put_object(Bucket=bucket, Key=item[0], Body=item[1]), files.items()))


def held(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def pictures(draw: Any, *, each: int = 3) -> dict[str, bytes]:
    root = draw({f"{label}/{row}.png": 100 * place + row for place, label in enumerate(("benign", "malignant")) for row in range(each)})
    return held(root)


@pytest.mark.slow
def test_more_objects_than_one_page_lists_are_mirrored_and_then_nothing_is_done(client: Any, tmp_path: Path) -> None:
    files = {f"data/{'bm'[number % 2]}/{number:04}.png": b"picture %d" % number for number in range(1050)}
    put(client, "pages", files | {"data2/x.png": b"not mine", "data/notes.txt": b"x", "data/": b""})
    root = open_source("s3://pages/data", cache=tmp_path)
    assert held(root) == {name.removeprefix("data/"): content for name, content in files.items()}
    assert [(each.source, each.reason) for each in list_images(root).skipped] == [("notes.txt", "no image by its extension (.txt)")]
    assert origin(root) == lasting("s3://pages/data") == "s3://pages/data"
    entries = [json.loads(line) for line in (root.parent / INDEX_FILE).read_text().splitlines()]
    assert len(entries) == 1050
    assert set(entries[0]) == {"key", "size", "etag", "sha256"}
    version = source_version(root)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.png")}
    assert open_source("s3://pages/data/", cache=tmp_path) == root
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*.png")} == before
    assert source_version(root) == version


@pytest.mark.slow
def test_what_changes_in_the_bucket_changes_here_and_nothing_else(client: Any, tmp_path: Path) -> None:
    put(client, "changing", {f"{number}.png": b"%d" % number for number in range(4)})
    root = open_source("s3://changing", cache=tmp_path)
    version = source_version(root)
    stays = (root / "1.png").stat().st_mtime_ns
    client.put_object(Bucket="changing", Key="0.png", Body=b"new")
    client.delete_object(Bucket="changing", Key="3.png")
    assert open_source("s3://changing", cache=tmp_path) == root
    assert held(root) == {"0.png": b"new", "1.png": b"1", "2.png": b"2"}
    assert (root / "1.png").stat().st_mtime_ns == stays
    assert source_version(root) != version
    assert read_index(root.parent / INDEX_FILE).keys() == {"0.png", "1.png", "2.png"}


def test_the_version_of_a_bucket_follows_its_listing_and_brings_nothing(client: Any, tmp_path: Path) -> None:
    put(client, "listed", {"d/a.png": b"1", "d/b.png": b"2", "set.zip": b"3"})
    before, archive = version_now("s3://listed/d", cache=tmp_path), version_now("s3://listed/set.zip", cache=tmp_path)
    assert version_now("s3://listed/d/", cache=tmp_path) == before != archive
    put(client, "listed", {"d/b.png": b"changed", "set.zip": b"4"})
    assert version_now("s3://listed/d", cache=tmp_path) != before
    assert version_now("s3://listed/set.zip", cache=tmp_path) != archive
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_interrupted_mirror_continues_with_what_is_missing(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{number}.png": b"%d" % number * 500 for number in range(40)}
    put(client, "interrupted", files)
    fetch, brought = Bucket.fetch, []

    def counted(self: Bucket, blob: Blob, *args: Any, **options: Any) -> str:
        if len(brought) == 15:
            raise KeyboardInterrupt
        brought.append(blob.key)
        return fetch(self, blob, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "fetch", counted)
        with pytest.raises(KeyboardInterrupt):
            open_source("s3://interrupted", cache=tmp_path)
    first = set(brought)
    (mirror,) = (tmp_path / "sources").glob("s3-*")
    assert set(read_index(mirror / INDEX_FILE)) == first
    with (mirror / INDEX_FILE).open("a") as index:
        index.write('{"key": "half a li')  # as a killed process leaves it
    brought.clear()
    monkeypatch.setattr(
        Bucket, "fetch", lambda self, blob, *args, **options: brought.append(blob.key) or fetch(self, blob, *args, **options)
    )
    assert held(open_source("s3://interrupted", cache=tmp_path)) == files
    assert set(brought) == set(files) - first


@pytest.mark.slow
def test_a_broken_connection_continues_where_it_broke(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * 16384  # 4 MiB
    put(client, "broken", {"large.tar": content})
    monkeypatch.setattr(buckets, "CHUNK", 2**20)
    source = Bucket(Address.of("s3://broken/large.tar"))
    (blob,) = source.objects()
    asked = []
    get = source._client.get_object

    def breaking(**options: Any) -> Any:
        asked.append(options.get("Range"))
        answer = get(**options)
        if len(asked) == 1:
            chunks = answer["Body"].iter_chunks

            def some(size: int) -> Iterator[bytes]:
                yield next(chunks(size))
                raise ConnectionResetError

            answer["Body"].iter_chunks = some
        return answer

    monkeypatch.setattr(source._client, "get_object", breaking)
    digest = source.fetch(blob, tmp_path / "large.tar", parts=tmp_path)
    assert (tmp_path / "large.tar").read_bytes() == content
    assert asked == [None, "bytes=1048576-"]
    assert len(digest) == 64
    assert [path.name for path in tmp_path.iterdir()] == ["large.tar"]


@pytest.mark.slow
def test_a_part_that_was_damaged_on_the_disk_is_found_by_the_checksum(client: Any, tmp_path: Path) -> None:
    put(client, "damaged", {"a.png": b"0123456789"})
    source = Bucket(Address.of("s3://damaged"))
    (blob,) = source.objects()
    with pytest.raises(InputError, match="there is no bucket"):
        Bucket(Address.of("s3://nobody")).objects()
    source.fetch(blob, tmp_path / "a.png", parts=tmp_path)
    part = tmp_path / f"{hashlib.sha256(f'{blob.key} {blob.etag}'.encode()).hexdigest()[:40]}.part"
    part.write_bytes(b"XXXXX")
    source.fetch(blob, tmp_path / "a.png", parts=tmp_path)
    assert (tmp_path / "a.png").read_bytes() == b"0123456789"


@pytest.mark.slow
def test_an_archive_in_a_bucket_is_unpacked_and_not_brought_twice(client: Any, draw: Any, tmp_path: Path, monkeypatch: Any) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in pictures(draw).items():
            info = tarfile.TarInfo(f"set/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    put(client, "archives", {"studies/Set (1).tar.gz": buffer.getvalue()})
    root = open_source("s3://archives/studies/Set (1).tar.gz", cache=tmp_path / "cache")
    assert len(list_images(root).images) == 6
    assert origin(root) == "s3://archives/studies/Set (1).tar.gz"
    assert not list((tmp_path / "cache").rglob("*.tar.gz"))
    monkeypatch.setattr(Bucket, "fetch", None)
    assert open_source("s3://archives/studies/Set (1).tar.gz", cache=tmp_path / "cache") == root


@pytest.mark.slow
def test_keys_that_lead_out_or_hide_another_are_left_out_and_listed(client: Any, tmp_path: Path) -> None:
    put(client, "odd", {f"d/{name}": b"1" for name in ("../../up.png", "/abs.png", "b/1.png", "b/1.png/x.png", "m/2.png", ".hidden.png")})
    root = open_source("s3://odd/d", cache=tmp_path)
    assert held(root).keys() == {"b/1.png", "m/2.png"}
    assert {(each.source, each.reason) for each in list_images(root).skipped} == {
        ("../../up.png", "its key leads out of it by '..'"),
        ("/abs.png", "its key is an absolute path"),
        ("b/1.png/x.png", "another file has its name"),
    }


@pytest.mark.slow
def test_the_command_inspects_a_bucket(client: Any, draw: Any, tmp_path: Path) -> None:
    put(client, "studies", {f"us/{name}": content for name, content in pictures(draw, each=4).items()})
    command = [sys.executable, "-c", "from pipelines.cli.main import main; main()", "data", "inspect", "s3://studies/us", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "LOBULE_HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["source"], seen["images"], seen["findings"]) == ("s3://studies/us", 8, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "source", "message"),
    [
        ({}, "s3://", "must be written s3://bucket/prefix, but got 's3://'; name the bucket"),
        ({}, "s3://nowhere-here/x", "there is no bucket 'nowhere-here' at http://127.0.0.1:.*; check its name and AWS_ENDPOINT_URL_S3"),
        ({}, "s3://errors/nothing", "there is none under s3://errors/nothing; check bucket and prefix"),
        ({}, "s3://errors/notes.txt", "must be a prefix or an archive, but s3://errors/notes.txt is one object; name the prefix above"),
        ({}, "s3://B/x", "s3://B/x cannot be read|there is no bucket|does not give"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "s3://errors", r"refuses these credentials for s3://errors \(SignatureDoesNotMatch\)"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "s3://errors", r"refuses these credentials for s3://errors \("),
        (
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
            "s3://errors",
            "needs credentials, but none are set; set AWS_ACCESS_KEY",
        ),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, "s3://errors", "cannot be read .*Could not connect.*; check the address"),
        ({"AWS_ENDPOINT_URL_S3": "nonsense"}, "s3://errors", "cannot be read .*Invalid endpoint"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str | None], source: str, message: str
) -> None:
    put(client, "errors", {"notes.txt": b"x"})
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name, value in change.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=message) as caught:
        inspect_source(source, cache=tmp_path)
    assert "\n" not in str(caught.value)


def test_first_weights_are_brought_once_and_again_when_they_change(client: Any, tmp_path: Path) -> None:
    put(client, "weights", {"nets/small.h5": b"first"})
    one = resolve("s3://weights/nets/small.h5", cache=tmp_path)
    assert one is not None
    assert (Path(one).name, Path(one).read_bytes()) == ("small.h5", b"first")
    before = Path(one).stat().st_mtime_ns
    assert resolve("s3://weights/nets/small.h5", cache=tmp_path) == one
    assert Path(one).stat().st_mtime_ns == before
    put(client, "weights", {"nets/small.h5": b"second"})
    other = resolve("s3://weights/nets/small.h5", cache=tmp_path)
    assert other is not None
    assert Path(other).read_bytes() == b"second"
    with pytest.raises(InputError, match=r"--weights must name one object, but .* is a prefix above nets"):
        resolve("s3://weights/nets", cache=tmp_path)
    with pytest.raises(InputError, match="an S3 address must lead to objects, but there is none under"):
        resolve("s3://weights/nets/none.h5", cache=tmp_path)
