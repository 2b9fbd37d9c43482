import os
from pathlib import Path

import pytest

from components.domain.errors import InputError
from components.ingest.source import open_source, source_version, version_now


def test_a_folder_is_itself(tmp_path: Path) -> None:
    assert open_source(str(tmp_path), cache=tmp_path / "cache") == tmp_path
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", r"a source must be a folder, a \.zip .*sample:KIND, but there is no ''; give an existing folder"),
        ("/nowhere/at/all", "there is no '/nowhere/at/all'"),
        ("sample:cats", "a sample must be one of histology, ultrasound, idc, but got 'cats'; write sample:histology"),
    ],
)
def test_an_unusable_source_is_refused_with_the_remedy(source: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        open_source(source, cache=tmp_path)


def test_a_file_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match="is a file of another kind; give the folder"):
        open_source(str(tmp_path / "a.png"), cache=tmp_path)


def test_the_version_follows_names_sizes_and_times_and_nothing_else(tmp_path: Path) -> None:
    def make(root: Path) -> Path:
        (root / "b").mkdir(parents=True)
        for name in ("b/1.png", "notes.txt"):
            (root / name).write_bytes(b"123")
            os.utime(root / name, ns=(0, 5))
        return root

    one = make(tmp_path / "one")
    version = source_version(one)
    assert version == source_version(make(tmp_path / "two"))
    assert version.startswith("sha256:")
    versions = {version}
    (one / "b/1.png").write_bytes(b"1234")
    os.utime(one / "b/1.png", ns=(0, 5))
    versions.add(source_version(one))
    os.utime(one / "b/1.png", ns=(0, 6))
    versions.add(source_version(one))
    (one / "b/1.png").rename(one / "b/2.png")
    versions.add(source_version(one))
    (one / "b/link.png").symlink_to(one / "missing")
    versions.add(source_version(one))
    assert len(versions) == 5


def test_what_never_changes_under_its_name_is_not_brought_to_tell_its_version(tmp_path: Path) -> None:
    assert version_now("sample:histology", cache=tmp_path / "cache") == "sample:histology"
    assert version_now("kaggle:owner/dataset", cache=tmp_path / "cache") == "kaggle:owner/dataset"
    (tmp_path / "images").mkdir()
    assert version_now(str(tmp_path / "images"), cache=tmp_path / "cache") == source_version(tmp_path / "images")
    assert not (tmp_path / "cache").exists()
