import gzip
import io
import os
import random
import stat
import tarfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from components.domain.certificate import Excluded
from components.domain.errors import InputError
from components.ingest import archives
from components.ingest.archives import unpack
from components.ingest.layouts import list_images
from components.ingest.source import lasting, open_source, origin, source_version
from components.ingest.unpacking import Limits

Members = list[tuple[str, bytes]]


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("RGB", (20, 20), random.Random(seed).randbytes(1200)).save(buffer, "PNG")
    return buffer.getvalue()


GOOD: Members = [("set/benign/1.png", png(1)), ("set/benign/2.png", png(2)), ("set/malignant/3.png", png(3))]


def zipped(file: Path, members: Members) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return file


def tarred(file: Path, members: Members, *extra: tarfile.TarInfo) -> Path:
    mode = {".tar": "w", ".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}[file.suffix]
    with tarfile.open(file, mode) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in extra:
            archive.addfile(info)
    return file


def pack(file: Path, members: Members) -> Path:
    return zipped(file, members) if file.suffix == ".zip" else tarred(file, members)


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def held(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"])
def test_every_kind_of_archive_gives_the_same_images(tmp_path: Path, suffix: str) -> None:
    source = str(pack(tmp_path / f"Histo #1 (copy) [ü] 100%{suffix}", [*GOOD, ("set/notes.txt", b"x"), ("__MACOSX/set/._1.png", b"x")]))
    root = open_source(source, cache=tmp_path / "cache")
    assert held(root) == dict(GOOD)
    listing = list_images(root)
    assert [(each.source, each.label) for each in listing.images] == [(name, name.split("/")[1]) for name, _ in GOOD]
    assert listing.skipped == [Excluded("set/notes.txt", "no image by its extension (.txt)")]
    assert origin(root) == lasting(source) == source


def test_an_archive_is_unpacked_once_and_known_by_its_bytes_alone(tmp_path: Path) -> None:
    one = pack(tmp_path / "one.zip", GOOD)
    two = tmp_path / "two.zip"
    two.write_bytes(one.read_bytes())
    first = unpack(one, cache=tmp_path / "cache")
    before = (first / "set/benign/1.png").stat().st_mtime_ns
    assert unpack(two, cache=tmp_path / "cache") == first
    assert (first / "set/benign/1.png").stat().st_mtime_ns == before
    version = source_version(first)
    assert version == source_version(unpack(two, cache=tmp_path / "elsewhere"))
    assert version != source_version(unpack(pack(tmp_path / "three.zip", GOOD[:2]), cache=tmp_path / "cache"))


def zip_link(name: str, target: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../outside.png", r"\.\./outside\.png leads out of it by '\.\.'"),
        ("set/../../outside.png", r"set/\.\./\.\./outside\.png leads out"),
        ("..\\outside.png", "leads out of it"),
        ("/tmp/outside.png", "/tmp/outside.png is an absolute path"),
        ("C:\\outside.png", "is an absolute path"),
        ("\\\\server\\outside.png", "is an absolute path"),
        ("/a\x1b[31m.png", r"/a\\x1b\[31m\.png is an absolute path"),
    ],
)
def test_a_member_that_reaches_out_refuses_the_whole_archive_by_name(tmp_path: Path, suffix: str, name: str, reason: str) -> None:
    file = pack(tmp_path / f"a{suffix}", [*GOOD, (name, png(9)), (name + "2.png", png(8))])
    with pytest.raises(InputError, match=rf"in 'a{suffix}' .*{reason}.* \(2 such members\); do not trust it, or pack it again") as caught:
        unpack(file, cache=tmp_path / "cache" / "deep")
    assert "\n" not in str(caught.value)
    assert held(tmp_path / "cache").keys() <= {"deep/sources/" + path.name for path in (tmp_path / "cache/deep/sources").iterdir()}
    assert not list(tmp_path.rglob("outside.png"))


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (member("set/benign/x.png", tarfile.SYMTYPE, "/etc/passwd"), r"x\.png is a link \(1 such member\); pack the files themselves"),
        (member("set/benign/x.png", tarfile.LNKTYPE, "set/benign/1.png"), r"x\.png is a link"),
        (member("set/benign/x.png", tarfile.FIFOTYPE), r"x\.png is a device"),
        (member("set/benign/x.png", tarfile.CHRTYPE), r"x\.png is a device"),
    ],
)
def test_links_and_devices_in_a_tar_are_refused_by_name(tmp_path: Path, info: tarfile.TarInfo, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        unpack(tarred(tmp_path / "a.tar", GOOD, info), cache=tmp_path / "cache")


def test_links_in_a_zip_are_refused_by_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zip_link("set/benign/x.png", ""), "/etc/passwd")
    with pytest.raises(InputError, match=r"set/benign/x\.png is a link"):
        unpack(tmp_path / "a.zip", cache=tmp_path / "cache")


def test_an_encrypted_zip_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", GOOD)
    data = bytearray(file.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"benign/1\.png is encrypted \(1 such member\); unpack it with its password and give the folder"):
        unpack(file, cache=tmp_path / "cache")


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_a_bomb_is_refused_by_what_it_would_unpack_to(tmp_path: Path, suffix: str) -> None:
    file = pack(tmp_path / f"a{suffix}", [*GOOD, ("set/benign/zero.bmp", b"\0" * 2**21)])
    with pytest.raises(InputError, match=r"unpack to 200 times its size, but .* holds 2,\d+,\d+ bytes or more at set/benign/zero\.bmp"):
        unpack(file, cache=tmp_path / "cache", limits=Limits(spared=2**20))
    assert len(held(unpack(file, cache=tmp_path / "cache"))) == 4  # so little is spared


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"may hold 2 members, but 'a\.zip' holds more"):
        unpack(pack(tmp_path / "a.zip", GOOD), cache=tmp_path / "cache", limits=Limits(members=2))


def test_a_tar_header_that_claims_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    header = bytearray(tarfile.TarInfo("x").tobuf())
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 6 * 2**30
    with gzip.open(tmp_path / "a.tar.gz", "wb") as file:
        file.write(info.tobuf() + header)
    with pytest.raises(InputError, match=r"'a\.tar\.gz' is damaged or incomplete"):
        unpack(tmp_path / "a.tar.gz", cache=tmp_path / "cache")


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_odd_names_are_left_out_and_listed_and_stop_nothing(tmp_path: Path, suffix: str) -> None:
    odd = [("set/benign/a\nb.png", png(5)), ("set/benign/" + "x" * 300 + ".png", png(6)), ("./set/benign/1.png", png(7))]
    root = unpack(pack(tmp_path / f"a{suffix}", [*GOOD, *odd]), cache=tmp_path / "cache")
    assert held(root) == dict(GOOD)
    reasons = {each.source[:17]: each.reason for each in list_images(root).skipped}
    assert reasons == {
        "set/benign/1.png": "another file has its name",
        "set/benign/a\\nb.p": "its name holds control characters",
        "set/benign/xxxxxx": "its name is longer than 255 bytes or its path than 1024",
    }


def test_names_that_are_not_utf8_are_read_or_listed(tmp_path: Path) -> None:
    tarred(tmp_path / "a.tar", [*GOOD, (os.fsdecode(b"set/benign/\xff.png"), png(5))])
    assert list_images(unpack(tmp_path / "a.tar", cache=tmp_path / "cache")).skipped == [
        Excluded("set/benign/\\udcff.png", "its name is not valid UTF-8")
    ]
    # without the flag for UTF-8, as macOS packs: the bytes of UTF-8 all the same; and as DOS packs: code page 437
    for name, raw in (("bösartig", "bösartig".encode()), ("gutartig é", "gutartig é".encode("cp437"))):
        file = zipped(tmp_path / "b.zip", [("set/" + "?" * len(raw) + "/1.png", png(1)), *GOOD])
        file.write_bytes(file.read_bytes().replace(b"?" * len(raw), raw))
        assert f"set/{name}/1.png" in held(unpack(file, cache=tmp_path / "cache"))


def test_what_no_decoder_takes_is_not_unpacked(tmp_path: Path) -> None:
    big = ("set/benign/big.bmp", b"\1" * (20 * 2**20 + 1))
    root = unpack(zipped(tmp_path / "a.zip", [*GOOD, big, ("run.sh", b"x"), ("inner.zip", b"x")]), cache=tmp_path / "cache")
    assert held(root) == dict(GOOD)
    assert {each.source: each.reason for each in list_images(root).skipped} == {
        "set/benign/big.bmp": "holds 20,971,521 bytes, more than 20,971,520",
        "run.sh": "no image by its extension (.sh)",
        "inner.zip": "no image by its extension (.zip)",
    }


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_a_cut_archive_is_refused_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    file = pack(tmp_path / f"a{suffix}", GOOD)
    file.write_bytes(file.read_bytes()[: -10 if suffix != ".tar" else 2000])
    with pytest.raises(InputError, match=rf"'a{suffix}' is damaged or incomplete \(\w+\); download or pack it again"):
        unpack(file, cache=tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.suffix != ".lock" and path.name != "sources"]


def test_a_changed_byte_in_a_zip_is_found_by_its_checksum(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", GOOD)
    data = bytearray(file.read_bytes())
    data[200] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises(InputError, match="is damaged or incomplete"):
        unpack(file, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    "content", [b"", b"hello, I am no archive", gzip.compress(b"no tar inside")], ids=["empty", "text", "no tar inside"]
)
def test_what_only_is_named_like_an_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"'a\.zip' is (none by its content|damaged or incomplete)"):
        open_source(str(tmp_path / "a.zip"), cache=tmp_path / "cache")


def test_an_archive_larger_than_the_free_space_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(InputError, match=r"unpacks to 0\.0 GiB, but .* has 0\.0 GiB free; free some space"):
        unpack(zipped(tmp_path / "a.zip", GOOD), cache=tmp_path / "cache")


def test_an_interrupted_unpacking_leaves_nothing_half_and_the_next_starts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = zipped(tmp_path / "a.zip", GOOD)
    copied = []

    def stop(source: io.BufferedIOBase, target: io.BufferedIOBase, length: int) -> None:
        if copied:
            raise KeyboardInterrupt
        copied.append(target.write(source.read()))

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", stop)
        with pytest.raises(KeyboardInterrupt):
            unpack(file, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.png"))
    assert held(unpack(file, cache=tmp_path / "cache")) == dict(GOOD)


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InputError, match=r"the cache must be a folder that can be written, but .*cache/sources is not .*set LOBULE_HOME"):
        unpack(zipped(tmp_path / "a.zip", GOOD), cache=tmp_path / "cache")


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", GOOD)
    place = unpack(file, cache=tmp_path / "cache").parent
    place.rename(place.with_name(f".{place.name}.partial"))
    (place.with_name(f".{place.name}.partial") / "images/set/benign/left.png").write_bytes(b"half")
    assert held(unpack(file, cache=tmp_path / "cache")) == dict(GOOD)
    assert not place.with_name(f".{place.name}.partial").exists()


def test_two_at_once_unpack_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = zipped(tmp_path / "a.zip", GOOD)
    planned = []
    plan = archives.plan_unpacking
    monkeypatch.setattr(archives, "plan_unpacking", lambda *args, **options: planned.append(1) or plan(*args, **options))
    threads = [threading.Thread(target=unpack, args=(file,), kwargs={"cache": tmp_path / "cache"}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert planned == [1]
